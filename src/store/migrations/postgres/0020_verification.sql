-- Verification asks which files in the photos' storage a claim names.
CREATE INDEX photos_by_bytes ON photos (sha256);
CREATE INDEX photos_by_page ON photos (page_sha256) WHERE page_sha256 IS NOT NULL;
