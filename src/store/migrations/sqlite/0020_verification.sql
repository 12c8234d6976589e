-- Verification reads everything in ranges of claims' names, and asks which files in the photos' storage a claim names.
CREATE INDEX idempotency_by_claim ON idempotency (claim);
CREATE INDEX photos_by_bytes ON photos (sha256);
CREATE INDEX photos_by_page ON photos (page_sha256) WHERE page_sha256 IS NOT NULL;
