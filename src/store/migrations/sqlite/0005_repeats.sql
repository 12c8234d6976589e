-- A picture hash is found again by parts: of two hashes that differ in at most 8 of 64 bits, one of five parts differs in
-- at most one bit. Every column that the search looks at stands in the index, so that it reads no table row in vain.
CREATE INDEX fingerprints_by_part_1 ON fingerprints (substr(picture_hash, 1, 3), issued, picture_hash, number, claim);
CREATE INDEX fingerprints_by_part_2 ON fingerprints (substr(picture_hash, 4, 3), issued, picture_hash, number, claim);
CREATE INDEX fingerprints_by_part_3 ON fingerprints (substr(picture_hash, 7, 3), issued, picture_hash, number, claim);
CREATE INDEX fingerprints_by_part_4 ON fingerprints (substr(picture_hash, 10, 3), issued, picture_hash, number, claim);
CREATE INDEX fingerprints_by_part_5 ON fingerprints (substr(picture_hash, 13, 4), issued, picture_hash, number, claim);

-- Who issued the paper: the credit code, or the name where no code was read. Filled for earlier decisions when the store
-- is opened, from their records.
ALTER TABLE fingerprints ADD COLUMN issuer TEXT;
CREATE INDEX fingerprints_by_issuer ON fingerprints (issuer, claim) WHERE issuer IS NOT NULL;
