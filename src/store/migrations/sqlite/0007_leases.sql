-- Any number of processes work jobs off. Whoever takes one holds it for a while; `fence` grows with every take, and only
-- the holder of the newest may record a decision. Times are milliseconds since 1970 by this machine's clock.
ALTER TABLE jobs ADD COLUMN holder TEXT;
ALTER TABLE jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
