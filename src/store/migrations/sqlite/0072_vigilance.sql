-- For whom alone a case is ruled that is not closed: who ruled first of a blind pair, or second of one that differed.
ALTER TABLE cases ADD COLUMN blind TEXT;
CREATE INDEX cases_by_blind ON cases (blind, claim) WHERE blind IS NOT NULL;
-- The claims by which people are watched.
CREATE INDEX review_steps_known ON review_steps (claim) WHERE kind = 'claim_known';
CREATE INDEX review_steps_paired ON review_steps (claim) WHERE kind = 'review_paired';
