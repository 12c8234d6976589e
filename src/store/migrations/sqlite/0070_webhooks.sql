-- Who is told of what happens to claims. The outbox is the log itself: an entry is written in the transaction of what it
-- tells of, and each webhook keeps the place up to which entries became deliveries.
CREATE TABLE webhooks (
    id         TEXT PRIMARY KEY,
    url        TEXT NOT NULL,
    events     TEXT NOT NULL,        -- names, parted by commas
    secret     BLOB NOT NULL,        -- wrapped under the key-encryption key
    state      TEXT NOT NULL,        -- active, or disabled by the receiver's 410
    created_at TEXT NOT NULL,
    place      INTEGER NOT NULL      -- entries up to this one are among the deliveries
) STRICT;

CREATE TABLE deliveries (
    webhook  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    entry    INTEGER NOT NULL,       -- what is told of, by its place in the log
    attempts INTEGER NOT NULL,
    due      INTEGER NOT NULL,       -- milliseconds since 1970 in UTC
    gave_up  INTEGER NOT NULL,       -- 1 after the last attempt
    status   INTEGER,                -- what the receiver last answered; NULL where it did not
    PRIMARY KEY (webhook, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (due) WHERE gave_up = 0;
