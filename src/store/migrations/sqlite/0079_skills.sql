-- Who works on which cases: each change as a whole, with its place in the log. The log holds only hashes of it and of who
-- made it, salted with `salt`.
CREATE TABLE skill_acts (
    entry    INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    skills   TEXT NOT NULL,           -- canonical JSON
    reviewer TEXT,
    salt     BLOB NOT NULL
) STRICT;

-- Languages of a case's papers, each between blanks. The cases are made anew from what happened.
ALTER TABLE cases ADD COLUMN languages TEXT NOT NULL DEFAULT '';
DELETE FROM cases;
DELETE FROM cases_made;

-- Filters ask for these as well.
DROP INDEX cases_by_clock;
DROP INDEX cases_by_age;
DROP INDEX cases_by_risk;
DROP INDEX cases_by_amount;
CREATE INDEX cases_by_clock ON cases (phase, rank, clock, claim, held_until, reasons, kind, languages, amount, external);
CREATE INDEX cases_by_age ON cases (phase, rank, opened, claim, held_until, reasons, kind, languages, amount, external);
CREATE INDEX cases_by_risk ON cases (phase, rank, risk, claim, held_until, reasons, kind, languages, amount, external);
CREATE INDEX cases_by_amount ON cases (phase, rank, amount, claim, held_until, reasons, kind, languages, external);
