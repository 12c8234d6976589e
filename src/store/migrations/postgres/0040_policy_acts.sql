-- Acts about policies, each with its place in the log: which policy decides, since when, by whose order. The log holds
-- only hashes of who and why, salted with `salt`.
CREATE TABLE policy_acts (
    entry    BIGINT PRIMARY KEY,
    at       TEXT NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL CHECK (kind IN
        ('policy_backtested', 'policy_adopted', 'policy_shadowed', 'policy_shadow_ended')),
    policy   TEXT COLLATE "C",               -- SHA-256; NULL where no policy is meant
    begins   TEXT COLLATE "C",               -- of an adoption that waits: from when it decides
    figures  TEXT,                    -- of a backtest: what it found, JSON
    reviewer TEXT,
    why      TEXT,
    salt     BYTEA NOT NULL
);
CREATE INDEX policy_acts_by_kind ON policy_acts (kind, entry);

-- What a shadow policy would have decided otherwise, by the entry of the act that set it: how often, and of which
-- claims.
CREATE TABLE shadow_counts (
    entry BIGINT NOT NULL REFERENCES policy_acts (entry),
    what  TEXT COLLATE "C" NOT NULL,
    n     BIGINT NOT NULL,
    PRIMARY KEY (entry, what)
);

CREATE TABLE shadow_flips (
    entry BIGINT NOT NULL REFERENCES policy_acts (entry),
    claim TEXT COLLATE "C" NOT NULL REFERENCES claims (id),
    now   TEXT NOT NULL,              -- what was decided; the shadow would have decided the other way
    PRIMARY KEY (entry, claim)
);
