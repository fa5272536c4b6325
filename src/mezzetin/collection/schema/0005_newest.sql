-- The queue of review, the newest first, without a look at every text: of one status, and of any.
CREATE INDEX texts_newest ON texts (status, kind, act_id, id);
CREATE INDEX texts_newest_of_any ON texts (kind, act_id, id);
