-- What people do with claims that a person has to look at, step by step, each with its place in the log, which holds
-- only hashes of who, salted with `salt`, and of the content, salted with the claim's salt.
CREATE TABLE review_steps (
    entry    INTEGER PRIMARY KEY,
    claim    TEXT NOT NULL REFERENCES claims (id),
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    reviewer TEXT,                   -- NULL where nobody was named
    verdict  TEXT,
    reason   TEXT,
    second   INTEGER NOT NULL,           -- 1 for an approval that needs another person's
    replaces INTEGER,                    -- of photos that were added: the one that they stand for
    content  BLOB,                    -- notes, values put right, names of photos; sealed where the claim is
    salt     BLOB NOT NULL
) STRICT;
CREATE INDEX review_steps_by_claim ON review_steps (claim, entry);

-- Where each case stands: what follows from the decisions of its claim and from the steps, kept for the queue. Times
-- are milliseconds since 1970. Where everything goes by rank first, cases that were escalated come first.
CREATE TABLE cases (
    claim      TEXT PRIMARY KEY REFERENCES claims (id),
    phase      TEXT NOT NULL CHECK (phase IN ('open', 'second', 'waiting', 'closed')),
    rank       INTEGER NOT NULL,         -- 0 if it was escalated, else 1
    clock      INTEGER NOT NULL,         -- when it was opened, and so much later as the clock stood still since
    opened     INTEGER NOT NULL,
    paused     INTEGER,                  -- since when the clock stands still
    holder     TEXT,
    held_until INTEGER,
    appeal     INTEGER NOT NULL,
    verdict    TEXT,
    steps      INTEGER NOT NULL,
    kind       TEXT,                  -- of the first paper
    reasons    TEXT NOT NULL,        -- codes, each between spaces
    documents  INTEGER NOT NULL,
    amount     INTEGER NOT NULL,         -- asked for, in fen, less than zero so that the largest comes first; 1 if unknown
    currency   TEXT,
    risk       INTEGER NOT NULL,         -- of a wrong approval, in millionths, likewise; -1000001 if not judged
    external   TEXT                   -- the sender's name of the claim, keyed
) STRICT;
CREATE INDEX cases_by_clock ON cases (phase, rank, clock, claim);
CREATE INDEX cases_by_age ON cases (phase, rank, opened, claim);
CREATE INDEX cases_by_risk ON cases (phase, rank, risk, claim);
CREATE INDEX cases_by_amount ON cases (phase, rank, amount, claim);
-- What filters ask for, so that they need not look at each row of its own.
CREATE INDEX cases_to_filter ON cases
    (phase, reasons, kind, external, amount, held_until, rank, clock, opened, risk, claim);
CREATE INDEX cases_by_holder ON cases (holder) WHERE holder IS NOT NULL;
CREATE INDEX cases_by_external ON cases (external) WHERE external IS NOT NULL;

-- One row once the cases of claims from before there were any are made.
CREATE TABLE cases_made (
    id INTEGER PRIMARY KEY CHECK (id = 1)
) STRICT;
