-- People who are signed in, each by a key. `mac` is over the session's secret, its key and its beginning.
CREATE TABLE sessions (
    id      TEXT COLLATE "C" PRIMARY KEY,
    key     TEXT COLLATE "C" NOT NULL,
    mac     TEXT NOT NULL,
    begun   BIGINT NOT NULL,             -- seconds since 1970
    used    BIGINT NOT NULL              -- the same; within a minute or so
);
CREATE INDEX sessions_by_key ON sessions (key);

-- What keys with a quota sent, by day.
CREATE TABLE key_photos (
    key    TEXT COLLATE "C" NOT NULL,
    day    TEXT COLLATE "C" NOT NULL,
    photos BIGINT NOT NULL,
    PRIMARY KEY (key, day)
);
