-- People who are signed in, each by a key. `mac` is over the session's secret, its key and its beginning.
CREATE TABLE sessions (
    id      TEXT PRIMARY KEY,
    key     TEXT NOT NULL,
    mac     TEXT NOT NULL,
    begun   INTEGER NOT NULL,             -- seconds since 1970
    used    INTEGER NOT NULL              -- the same; within a minute or so
) STRICT;
CREATE INDEX sessions_by_key ON sessions (key);

-- What keys with a quota sent, by day.
CREATE TABLE key_photos (
    key    TEXT NOT NULL,
    day    TEXT NOT NULL,
    photos INTEGER NOT NULL,
    PRIMARY KEY (key, day)
) STRICT;
