-- Which cards of a case a queue shows: each change as a whole, with its place in the log. The log holds only a hash of
-- who made it, salted with `salt`.
CREATE TABLE card_acts (
    entry    BIGINT PRIMARY KEY,
    at       TEXT NOT NULL,
    cards    TEXT NOT NULL,           -- canonical JSON
    reviewer TEXT,
    salt     BYTEA NOT NULL
);
