-- When the insured person asked last when it goes on, of cases that are not ruled; their rank is 1 unless they were put
-- before the others (0). All others have 2 from here on.
ALTER TABLE cases ADD COLUMN nudged BIGINT;
UPDATE cases SET rank = 2 WHERE rank = 1;
