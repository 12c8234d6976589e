-- Who read what of a claim, by the place in the log, which holds only a hash of who, salted with `salt`.
CREATE TABLE reads (
    entry  INTEGER PRIMARY KEY,
    claim  TEXT NOT NULL REFERENCES claims (id),
    at     TEXT NOT NULL,
    what   TEXT NOT NULL,
    reader TEXT,                     -- NULL where nobody was named
    salt   BLOB NOT NULL
) STRICT;
CREATE INDEX reads_by_claim ON reads (claim, entry);
