-- What the records hold of people is sealed under a data key of each claim, which is kept wrapped under a key-encryption
-- key that is not in the database: see store::vault. Rows from before hold plain text and have no data key.
CREATE TABLE vault (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    index_key BLOB NOT NULL          -- wrapped; what fingerprints are keyed with
) STRICT;

-- A table of its own: rows come and go whole, so that no other change of a claim leaves a copy of its key behind.
CREATE TABLE claim_keys (
    claim   TEXT PRIMARY KEY REFERENCES claims (id),
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE claims ADD COLUMN sealed BLOB;       -- claim, salt, and the photos' names and hashes
ALTER TABLE claims ADD COLUMN erased_at TEXT;

-- The name of the stored bytes: of sealed ones their own hash, of earlier ones the photo's.
ALTER TABLE photos ADD COLUMN blob TEXT;
UPDATE photos SET blob = sha256;
DROP INDEX photos_by_bytes;
CREATE INDEX photos_by_blob ON photos (blob);

-- The kind of the first paper, for its retention; empty once erased. Filled for earlier decisions when the vault is made.
ALTER TABLE decisions ADD COLUMN kind TEXT;
CREATE INDEX decisions_by_age ON decisions (kind, decision, decided_at, claim);

-- Erasures, each with its place in the log, which holds only hashes salted with `salt` of by whom and why.
CREATE TABLE erasures (
    claim    TEXT PRIMARY KEY REFERENCES claims (id),
    entry    INTEGER NOT NULL UNIQUE,
    at       TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    why      TEXT NOT NULL,
    salt     BLOB NOT NULL,
    pending  TEXT                    -- names of photos that are still to be deleted, JSON; NULL once all is done
) STRICT;
CREATE INDEX erasures_pending ON erasures (claim) WHERE pending IS NOT NULL;
