-- Acts about policies, each with its place in the log: which policy decides, since when, by whose order. The log holds
-- only hashes of who and why, salted with `salt`.
CREATE TABLE policy_acts (
    entry    INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN
        ('policy_backtested', 'policy_adopted', 'policy_shadowed', 'policy_shadow_ended')),
    policy   TEXT,               -- SHA-256; NULL where no policy is meant
    begins   TEXT,               -- of an adoption that waits: from when it decides
    figures  TEXT,                    -- of a backtest: what it found, JSON
    reviewer TEXT,
    why      TEXT,
    salt     BLOB NOT NULL
) STRICT;
CREATE INDEX policy_acts_by_kind ON policy_acts (kind, entry);

-- What a shadow policy would have decided otherwise, by the entry of the act that set it: how often, and of which
-- claims.
CREATE TABLE shadow_counts (
    entry INTEGER NOT NULL REFERENCES policy_acts (entry),
    what  TEXT NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (entry, what)
) STRICT;

CREATE TABLE shadow_flips (
    entry INTEGER NOT NULL REFERENCES policy_acts (entry),
    claim TEXT NOT NULL REFERENCES claims (id),
    now   TEXT NOT NULL,              -- what was decided; the shadow would have decided the other way
    PRIMARY KEY (entry, claim)
) STRICT;
