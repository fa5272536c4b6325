-- What a search reads: the words of every picture, and vectors of what pictures show and texts mean.

-- Vectors of one `space` can be compared with each other: "sentence:<signature>" of texts, "picture:<signature>" of
-- pictures. `id` only grows, and a vector that changes gets a new one: whoever keeps an index reads what is above.
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    space TEXT NOT NULL,
    text_id INTEGER REFERENCES texts ON DELETE CASCADE,   -- NULL: of the picture itself
    part INTEGER NOT NULL DEFAULT 0,         -- 0 the text, n the nth alternative
    of TEXT NOT NULL,                        -- digest of what it was made from: the picture's bytes, or the words
    vector BLOB NOT NULL                     -- int8: a direction, its length says nothing
) STRICT;
CREATE UNIQUE INDEX vectors_slot ON vectors (picture_id, space, coalesce(text_id, 0), part);
CREATE INDEX vectors_of_text ON vectors (text_id);

-- Up to which `changes.seq` every text has its vectors in a space: what is above is looked at again.
CREATE TABLE vector_marks (space TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TRIGGER texts_changed_vectors AFTER UPDATE OF text, status, alternatives ON texts
WHEN OLD.text IS NOT NEW.text OR OLD.alternatives IS NOT NEW.alternatives
    OR NEW.status IN ('rejected', 'deleted', 'withdrawn')
BEGIN
    DELETE FROM vectors WHERE text_id = NEW.id;
END;
CREATE TRIGGER pictures_changed_vectors AFTER UPDATE OF sha256 ON pictures WHEN OLD.sha256 IS NOT NEW.sha256
BEGIN
    DELETE FROM vectors WHERE picture_id = NEW.id AND text_id IS NULL AND of IS NOT NEW.sha256;
END;

-- The texts that a search may find: what was rejected, deleted or withdrawn is not among them, and where a person
-- corrected or deleted a text of a kind and language, the machines are silent.
CREATE VIEW searchable_texts AS
    SELECT * FROM texts AS one WHERE +status IN ('edited', 'approved', 'sampled', 'given')
        OR (+status = 'machine' AND NOT EXISTS (SELECT 1 FROM texts WHERE picture_id = one.picture_id
            AND kind = one.kind AND lang = one.lang AND status IN ('edited', 'deleted')));

-- `+status`: a picture has few texts, a status has very many, and no index of it shall lead the way.
-- One row a picture (rowid: its number). What people vouch for is `said`; a picture's own record is in the first four.
-- `vouched` holds those again: a common word of the machines' would hide them, and who is shown no machine's text asks
-- there alone.
CREATE VIRTUAL TABLE words USING fts5 (
    title, artist, tags, record, said, machine, alternatives, extra, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE vouched USING fts5 (
    title, artist, tags, record, said, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIEW searchable AS SELECT
    id AS picture_id, title, artist,
    (SELECT group_concat(atom, ' | ') FROM json_tree(pictures.extra) WHERE type = 'text'
        AND (lower(fullkey) GLOB '$.tag*' OR lower(fullkey) GLOB '$.keyword*' OR lower(fullkey) GLOB '$.subject*')
    ) AS tags,
    coalesce(record_id, '') || ' | ' || coalesce(date, '') AS record,
    (SELECT group_concat(text, ' | ') FROM searchable_texts WHERE picture_id = pictures.id AND +status <> 'machine'
    ) AS said,
    (SELECT group_concat(text, ' | ') FROM searchable_texts WHERE picture_id = pictures.id AND +status = 'machine'
    ) AS machine,
    (SELECT group_concat(json_extract(other.value, '$[0]'), ' | ')
        FROM searchable_texts, json_each(searchable_texts.alternatives) AS other
        WHERE picture_id = pictures.id AND +status IN ('machine', 'approved', 'sampled')) AS alternatives,
    (SELECT group_concat(atom, ' | ') FROM json_tree(pictures.extra) WHERE type = 'text' AND NOT (
        lower(fullkey) GLOB '$.tag*' OR lower(fullkey) GLOB '$.keyword*' OR lower(fullkey) GLOB '$.subject*')
    ) AS extra
FROM pictures;

CREATE TRIGGER texts_begun_words AFTER INSERT ON texts
BEGIN
    DELETE FROM words WHERE rowid = NEW.picture_id;
    DELETE FROM vouched WHERE rowid = NEW.picture_id;
    INSERT INTO words (rowid, title, artist, tags, record, said, machine, alternatives, extra)
    SELECT * FROM searchable WHERE picture_id = NEW.picture_id;
    INSERT INTO vouched (rowid, title, artist, tags, record, said)
    SELECT rowid, title, artist, tags, record, said FROM words WHERE rowid = NEW.picture_id;
END;
CREATE TRIGGER texts_changed_words AFTER UPDATE OF text, status, alternatives ON texts
WHEN (OLD.text, OLD.status, OLD.alternatives) IS NOT (NEW.text, NEW.status, NEW.alternatives)
BEGIN
    DELETE FROM words WHERE rowid = NEW.picture_id;
    DELETE FROM vouched WHERE rowid = NEW.picture_id;
    INSERT INTO words (rowid, title, artist, tags, record, said, machine, alternatives, extra)
    SELECT * FROM searchable WHERE picture_id = NEW.picture_id;
    INSERT INTO vouched (rowid, title, artist, tags, record, said)
    SELECT rowid, title, artist, tags, record, said FROM words WHERE rowid = NEW.picture_id;
END;
CREATE TRIGGER pictures_begun_words AFTER INSERT ON pictures
BEGIN
    INSERT INTO words (rowid, title, artist, tags, record, said, machine, alternatives, extra)
    SELECT * FROM searchable WHERE picture_id = NEW.id;
    INSERT INTO vouched (rowid, title, artist, tags, record, said)
    SELECT rowid, title, artist, tags, record, said FROM words WHERE rowid = NEW.id;
END;
CREATE TRIGGER pictures_changed_words AFTER UPDATE OF title, artist, date, record_id, extra ON pictures
WHEN (OLD.title, OLD.artist, OLD.date, OLD.record_id, OLD.extra)
    IS NOT (NEW.title, NEW.artist, NEW.date, NEW.record_id, NEW.extra)
BEGIN
    DELETE FROM words WHERE rowid = NEW.id;
    DELETE FROM vouched WHERE rowid = NEW.id;
    INSERT INTO words (rowid, title, artist, tags, record, said, machine, alternatives, extra)
    SELECT * FROM searchable WHERE picture_id = NEW.id;
    INSERT INTO vouched (rowid, title, artist, tags, record, said)
    SELECT rowid, title, artist, tags, record, said FROM words WHERE rowid = NEW.id;
END;
CREATE TRIGGER pictures_forgotten_words AFTER DELETE ON pictures
BEGIN
    DELETE FROM words WHERE rowid = OLD.id;
    DELETE FROM vouched WHERE rowid = OLD.id;
END;

INSERT INTO words (rowid, title, artist, tags, record, said, machine, alternatives, extra) SELECT * FROM searchable;
INSERT INTO vouched (rowid, title, artist, tags, record, said) SELECT rowid, title, artist, tags, record, said FROM words;
