-- Claims, photos, decisions, the log, and what repeats are found by. Append only: a later change is a later file.

CREATE TABLE claims (
    id         TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    claim_json TEXT,                 -- canonical JSON; NULL for photos recorded without a claim
    salt       BLOB NOT NULL,        -- hashed together with what the log commits to
    state      TEXT NOT NULL CHECK (state IN ('processing', 'decided', 'failed'))
) STRICT;

CREATE TABLE photos (
    claim       TEXT NOT NULL REFERENCES claims (id),
    n           INTEGER NOT NULL,    -- from 0, in the order of upload
    source      TEXT NOT NULL,       -- name as given by the sender
    sha256      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    media_type  TEXT NOT NULL,
    page_sha256 TEXT,                -- the normalised page, kept for viewing
    PRIMARY KEY (claim, n)
) STRICT;

-- Work to do. The row goes in the same transaction that records the decision.
CREATE TABLE jobs (
    claim    TEXT PRIMARY KEY REFERENCES claims (id),
    attempts INTEGER NOT NULL,       -- begun, whether or not they came to an end
    now      TEXT                    -- decide as if it were this time; NULL for the time it is
) STRICT;

CREATE TABLE idempotency (
    key_sha256  TEXT PRIMARY KEY,
    body_sha256 TEXT NOT NULL,
    claim       TEXT NOT NULL REFERENCES claims (id)
) STRICT;

CREATE TABLE policies (
    sha256 TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT;

CREATE TABLE decisions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    claim      TEXT NOT NULL REFERENCES claims (id),
    decided_at TEXT NOT NULL,
    decision   TEXT NOT NULL,        -- also in the record; here for lists
    record     BLOB NOT NULL,        -- canonical bytes, as hashed by the log
    timing     TEXT NOT NULL         -- JSON, microseconds by stage
) STRICT;
CREATE INDEX decisions_by_claim ON decisions (claim, id);

CREATE TABLE fingerprints (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    claim        TEXT NOT NULL REFERENCES claims (id),
    document     INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    picture_hash TEXT,               -- 16 hex digits
    family       TEXT,               -- 'bill' or 'invoice', if a number was read
    code         TEXT,
    number       TEXT
) STRICT;
CREATE INDEX fingerprints_by_claim ON fingerprints (claim);
CREATE INDEX fingerprints_by_bytes ON fingerprints (sha256);
CREATE INDEX fingerprints_by_number ON fingerprints (family, number) WHERE number IS NOT NULL;

CREATE TABLE log (
    seq            INTEGER PRIMARY KEY,
    at             TEXT NOT NULL,
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    payload        TEXT NOT NULL,
    payload_sha256 TEXT NOT NULL,
    prev_hash      TEXT NOT NULL,
    hash           TEXT NOT NULL
) STRICT;

CREATE TABLE log_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO log_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
