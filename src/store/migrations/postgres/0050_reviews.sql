-- What people do with claims that a person has to look at, step by step, each with its place in the log, which holds
-- only hashes of who, salted with `salt`, and of the content, salted with the claim's salt.
CREATE TABLE review_steps (
    entry    BIGINT PRIMARY KEY,
    claim    TEXT COLLATE "C" NOT NULL REFERENCES claims (id),
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    reviewer TEXT,                   -- NULL where nobody was named
    verdict  TEXT,
    reason   TEXT,
    second   BIGINT NOT NULL,           -- 1 for an approval that needs another person's
    replaces BIGINT,                    -- of photos that were added: the one that they stand for
    content  BYTEA,                    -- notes, values put right, names of photos; sealed where the claim is
    salt     BYTEA NOT NULL
);
CREATE INDEX review_steps_by_claim ON review_steps (claim, entry);

-- Where each case stands: what follows from the decisions of its claim and from the steps, kept for the queue. Times
-- are milliseconds since 1970. Where everything goes by rank first, cases that were escalated come first.
CREATE TABLE cases (
    claim      TEXT COLLATE "C" PRIMARY KEY REFERENCES claims (id),
    phase      TEXT COLLATE "C" NOT NULL CHECK (phase IN ('open', 'second', 'waiting', 'closed')),
    rank       BIGINT NOT NULL,         -- 0 if it was escalated, else 1
    clock      BIGINT NOT NULL,         -- when it was opened, and so much later as the clock stood still since
    opened     BIGINT NOT NULL,
    paused     BIGINT,                  -- since when the clock stands still
    holder     TEXT COLLATE "C",
    held_until BIGINT,
    appeal     BIGINT NOT NULL,
    verdict    TEXT,
    steps      BIGINT NOT NULL,
    kind       TEXT COLLATE "C",                  -- of the first paper
    reasons    TEXT NOT NULL,        -- codes, each between spaces
    documents  BIGINT NOT NULL,
    amount     BIGINT NOT NULL,         -- asked for, in fen, less than zero so that the largest comes first; 1 if unknown
    currency   TEXT,
    risk       BIGINT NOT NULL,         -- of a wrong approval, in millionths, likewise; -1000001 if not judged
    external   TEXT COLLATE "C"                   -- the sender's name of the claim, keyed
);
CREATE INDEX cases_by_clock ON cases (phase, rank, clock, claim);
CREATE INDEX cases_by_age ON cases (phase, rank, opened, claim);
CREATE INDEX cases_by_risk ON cases (phase, rank, risk, claim);
CREATE INDEX cases_by_amount ON cases (phase, rank, amount, claim);
CREATE INDEX cases_by_holder ON cases (holder) WHERE holder IS NOT NULL;
CREATE INDEX cases_by_external ON cases (external) WHERE external IS NOT NULL;

-- One row once the cases of claims from before there were any are made.
CREATE TABLE cases_made (
    id BIGINT PRIMARY KEY CHECK (id = 1)
);
