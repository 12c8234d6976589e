-- What people say of automatic approvals, and what that does to the gate. `entry` is the place in the log: it tells which
-- outcomes came before which reopening.
CREATE TABLE outcomes (
    claim    TEXT PRIMARY KEY REFERENCES claims (id),
    entry    INTEGER NOT NULL UNIQUE,
    at       TEXT NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('right', 'wrong')),
    source   TEXT NOT NULL CHECK (source IN ('sample', 'appeal')),
    reviewer TEXT NOT NULL
) STRICT;

CREATE TABLE gate (
    entry     INTEGER PRIMARY KEY,
    at        TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('closed', 'open')),
    audited   INTEGER,               -- of a closing: outcomes counted, the wrong ones among them, and the bound that
    wrong     INTEGER,               -- followed with the limit it exceeded, both in millionths
    bound_ppm INTEGER,
    limit_ppm INTEGER,
    reviewer  TEXT,                  -- of a reopening: by whom and why; the log holds only hashes salted with `salt`
    why       TEXT,
    salt      BLOB
) STRICT;
