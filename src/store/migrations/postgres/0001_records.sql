-- Claims, photos, decisions, the log, and what repeats are found by. Append only: a later change is a later file.
--
-- What the log commits to, times included, is kept as the text that was hashed. Text that is compared or sorted has the
-- collation "C", so that order and ranges are those of the bytes wherever the database was made.

CREATE TABLE claims (
    id         TEXT COLLATE "C" PRIMARY KEY,
    created_at TEXT NOT NULL,
    claim_json TEXT,                 -- canonical JSON; NULL for photos recorded without a claim
    salt       BYTEA NOT NULL,       -- hashed together with what the log commits to
    state      TEXT NOT NULL CHECK (state IN ('processing', 'decided', 'failed'))
);

CREATE TABLE photos (
    claim       TEXT COLLATE "C" NOT NULL REFERENCES claims (id),
    n           BIGINT NOT NULL,     -- from 0, in the order of upload
    source      TEXT NOT NULL,       -- name as given by the sender
    sha256      TEXT NOT NULL,
    bytes       BIGINT NOT NULL,
    media_type  TEXT NOT NULL,
    pdf_page    BIGINT,              -- from 1; NULL for a picture
    page_sha256 TEXT,                -- the normalised page, kept for viewing
    PRIMARY KEY (claim, n)
);

-- Work to do. The row goes in the same transaction that records the decision.
CREATE TABLE jobs (
    claim       TEXT COLLATE "C" PRIMARY KEY REFERENCES claims (id),
    attempts    BIGINT NOT NULL,     -- begun, whether or not they came to an end
    now         TEXT,                -- decide as if it were this time; NULL for the time it is
    holder      TEXT,                -- the process that took it last
    fence       BIGINT NOT NULL,     -- grows with every take: only the holder of the newest may record a decision
    lease_until TIMESTAMPTZ NOT NULL,
    not_before  TIMESTAMPTZ NOT NULL
);

CREATE TABLE idempotency (
    key_sha256  TEXT COLLATE "C" PRIMARY KEY,
    body_sha256 TEXT NOT NULL,
    claim       TEXT COLLATE "C" NOT NULL REFERENCES claims (id)
);
CREATE INDEX idempotency_by_claim ON idempotency (claim);

CREATE TABLE policies (
    sha256 TEXT COLLATE "C" PRIMARY KEY,
    body   TEXT NOT NULL
);

CREATE TABLE decisions (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim      TEXT COLLATE "C" NOT NULL REFERENCES claims (id),
    decided_at TEXT NOT NULL,
    decision   TEXT NOT NULL,        -- also in the record; here for lists
    record     BYTEA NOT NULL,       -- canonical bytes, as hashed by the log
    timing     TEXT NOT NULL         -- JSON, microseconds by stage
);
CREATE INDEX decisions_by_claim ON decisions (claim, id);

CREATE TABLE fingerprints (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim        TEXT COLLATE "C" NOT NULL REFERENCES claims (id),
    document     BIGINT NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL,
    picture_hash TEXT COLLATE "C",   -- 16 hex digits
    family       TEXT COLLATE "C",   -- 'bill' or 'invoice', if a number was read
    code         TEXT COLLATE "C",
    number       TEXT COLLATE "C",
    issued       TEXT COLLATE "C",
    issuer       TEXT COLLATE "C"
);
CREATE INDEX fingerprints_by_claim ON fingerprints (claim);
CREATE INDEX fingerprints_by_bytes ON fingerprints (sha256);
CREATE INDEX fingerprints_by_number ON fingerprints (family, number) WHERE number IS NOT NULL;
CREATE INDEX fingerprints_by_issuer ON fingerprints (issuer, claim) WHERE issuer IS NOT NULL;
-- A picture hash is found again by parts: of two hashes that differ in at most 8 of 64 bits, one of five parts differs in
-- at most one bit.
CREATE INDEX fingerprints_by_part_1 ON fingerprints (substr(picture_hash, 1, 3), issued);
CREATE INDEX fingerprints_by_part_2 ON fingerprints (substr(picture_hash, 4, 3), issued);
CREATE INDEX fingerprints_by_part_3 ON fingerprints (substr(picture_hash, 7, 3), issued);
CREATE INDEX fingerprints_by_part_4 ON fingerprints (substr(picture_hash, 10, 3), issued);
CREATE INDEX fingerprints_by_part_5 ON fingerprints (substr(picture_hash, 13, 4), issued);

CREATE TABLE marks (
    claim    TEXT COLLATE "C" NOT NULL REFERENCES claims (id),
    document BIGINT NOT NULL,
    mark     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (mark, claim, document)
);
CREATE INDEX marks_by_claim ON marks (claim);

CREATE TABLE log (
    seq            BIGINT PRIMARY KEY,
    at             TEXT NOT NULL,
    kind           TEXT NOT NULL,
    subject        TEXT COLLATE "C" NOT NULL,
    payload        TEXT NOT NULL,
    payload_sha256 TEXT NOT NULL,
    prev_hash      TEXT NOT NULL,
    hash           TEXT NOT NULL
);
CREATE INDEX log_by_subject ON log (subject, seq);

CREATE TABLE log_head (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    size       BIGINT NOT NULL,
    hash       TEXT NOT NULL,
    note       TEXT NOT NULL,        -- the signed checkpoint
    public_key TEXT NOT NULL         -- of who signs
);
INSERT INTO log_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', '', '');

-- The Merkle tree over the log: its complete subtrees, level 0 the leaves.
CREATE TABLE log_nodes (
    level BIGINT NOT NULL,
    i     BIGINT NOT NULL,           -- from 0, among the subtrees of the level
    hash  BYTEA NOT NULL,
    PRIMARY KEY (level, i)
);

-- What people say of automatic approvals, and what that does to the gate. `entry` is the place in the log.
CREATE TABLE outcomes (
    claim    TEXT COLLATE "C" PRIMARY KEY REFERENCES claims (id),
    entry    BIGINT NOT NULL UNIQUE,
    at       TEXT NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('right', 'wrong')),
    source   TEXT NOT NULL CHECK (source IN ('sample', 'appeal')),
    reviewer TEXT NOT NULL
);

CREATE TABLE gate (
    entry     BIGINT PRIMARY KEY,
    at        TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('closed', 'open')),
    audited   BIGINT,                -- of a closing: outcomes counted, the wrong ones among them, and the bound that
    wrong     BIGINT,                -- followed with the limit it exceeded, both in millionths
    bound_ppm BIGINT,
    limit_ppm BIGINT,
    reviewer  TEXT,                  -- of a reopening: by whom and why; the log holds only hashes salted with `salt`
    why       TEXT,
    salt      BYTEA
);
