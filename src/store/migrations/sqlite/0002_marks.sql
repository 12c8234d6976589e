-- Papers are known again by what they say, not only by number and looks. Filled for earlier decisions when the store is
-- opened, from their records.
ALTER TABLE fingerprints ADD COLUMN issued TEXT;

CREATE TABLE marks (
    claim    TEXT NOT NULL REFERENCES claims (id),
    document INTEGER NOT NULL,
    mark     TEXT NOT NULL,          -- 32 hex digits: see domain::likeness
    PRIMARY KEY (mark, claim, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_claim ON marks (claim);
