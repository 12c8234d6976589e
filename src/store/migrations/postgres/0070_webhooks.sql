-- Who is told of what happens to claims. The outbox is the log itself: an entry is written in the transaction of what it
-- tells of, and each webhook keeps the place up to which entries became deliveries.
CREATE TABLE webhooks (
    id         TEXT COLLATE "C" PRIMARY KEY,
    url        TEXT NOT NULL,
    events     TEXT NOT NULL,        -- names, parted by commas
    secret     BYTEA NOT NULL,       -- wrapped under the key-encryption key
    state      TEXT NOT NULL,        -- active, or disabled by the receiver's 410
    created_at TEXT NOT NULL,
    place      BIGINT NOT NULL       -- entries up to this one are among the deliveries
);

CREATE TABLE deliveries (
    webhook  TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    entry    BIGINT NOT NULL,        -- what is told of, by its place in the log
    attempts BIGINT NOT NULL,
    due      BIGINT NOT NULL,        -- milliseconds since 1970 in UTC
    gave_up  BIGINT NOT NULL,        -- 1 after the last attempt
    status   BIGINT,                 -- what the receiver last answered; NULL where it did not
    PRIMARY KEY (webhook, entry)
);
CREATE INDEX deliveries_due ON deliveries (due) WHERE gave_up = 0;
