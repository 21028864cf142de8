-- Epochs below this number are closed: whatever else comes of them is late, for which of their messages were counted is not known
-- any more.
ALTER TABLE star_slot ADD COLUMN epochs_closed INTEGER NOT NULL DEFAULT 0 CHECK (epochs_closed >= 0);

-- How many messages wait: the sum of star_group.waiting.
ALTER TABLE star_pending ADD COLUMN messages INTEGER NOT NULL DEFAULT 0 CHECK (messages >= 0);

UPDATE star_pending SET messages = (
    SELECT COALESCE(SUM(waiting), 0) FROM star_group
    WHERE star_group.slot = star_pending.slot AND star_group.epoch = star_pending.epoch);
