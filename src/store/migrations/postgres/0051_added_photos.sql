-- Photos that came later: after how many such additions, and from which on a photo is left out since another stands for
-- it. Each addition is a step, and the decision after it is over the photos that are not left out.
ALTER TABLE photos ADD COLUMN round BIGINT NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN left_out BIGINT;
