-- Whose a claim is, where several share an installation.
ALTER TABLE claims ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
CREATE INDEX claims_by_tenant ON claims (tenant, id);

-- API keys: each giving, replacing and taking back with its place in the log, which holds only hashes, salted with
-- `salt`, of whose, by whom and the secret's hash. Which keys open what follows from these acts and from nothing else.
CREATE TABLE api_keys (
    entry        INTEGER PRIMARY KEY,
    at           TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('api_key_added', 'api_key_rotated', 'api_key_revoked')),
    key          TEXT NOT NULL,    -- its id, which stands in the open in the key itself
    name         TEXT,
    role         TEXT,
    tenant       TEXT,
    mac          TEXT,               -- of the secret under the vault's index key, in hex
    expires      TEXT,
    per_minute   INTEGER,
    photos_a_day INTEGER,
    replaces     TEXT,
    overlap_ends TEXT,
    reviewer     TEXT,
    salt         BLOB NOT NULL
) STRICT;
