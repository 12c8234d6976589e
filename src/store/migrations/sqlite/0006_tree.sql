-- The Merkle tree over the log: its complete subtrees, level 0 the leaves. Filled for earlier entries when the store is
-- opened. The head gains the signed checkpoint and the public key of who signs.
CREATE TABLE log_nodes (
    level INTEGER NOT NULL,
    i     INTEGER NOT NULL,          -- from 0, among the subtrees of the level
    hash  BLOB NOT NULL,
    PRIMARY KEY (level, i)
) STRICT, WITHOUT ROWID;
ALTER TABLE log_head ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE log_head ADD COLUMN public_key TEXT NOT NULL DEFAULT '';
-- An evidence pack asks for the entries of one claim.
CREATE INDEX log_by_subject ON log (subject, seq);
