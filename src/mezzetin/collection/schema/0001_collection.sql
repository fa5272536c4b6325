-- A collection: the pictures of a house, what is said of them, and what people decided. docs/collection.md explains it.

-- What the file is: `id`, `title`, `created`, and `salt` for the marks of what was forgotten.
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Work that goes over many pictures. One that was killed stays "running", and `cursor` says where it goes on.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,                      -- collect, import, translate, bulk, sample, undo
    who TEXT NOT NULL,
    model TEXT,
    settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'undone')),
    started TEXT NOT NULL,
    finished TEXT,
    cursor INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    note TEXT
) STRICT;

-- Who did something, and when: every change of a text names its act. A machine is a model or an import.
CREATE TABLE acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    who_is TEXT NOT NULL CHECK (who_is IN ('person', 'machine')),
    verb TEXT NOT NULL,
    run_id INTEGER REFERENCES runs,
    undoes_change INTEGER,
    undoes_run INTEGER
) STRICT;
CREATE INDEX acts_of_run ON acts (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,                    -- what was collected, as a person named it, without signature
    uri TEXT NOT NULL,                       -- where the file lies, without signature
    page INTEGER NOT NULL DEFAULT 0,         -- of a TIFF, from 0
    pages INTEGER NOT NULL DEFAULT 1,
    record_id TEXT,                          -- the house's own number
    sha256 TEXT,                             -- of the file's bytes, hex
    stamp TEXT,                              -- what tells cheaply that a file is as it was (ETag, or size and time)
    size INTEGER,                            -- bytes
    width INTEGER,                           -- pixels, as shown
    height INTEGER,
    format TEXT,
    title TEXT,
    artist TEXT,
    date TEXT,
    licence TEXT,
    rights TEXT,
    restricted INTEGER NOT NULL DEFAULT 0 CHECK (restricted IN (0, 1)),  -- 1: must not leave the house
    extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'failed', 'gone', 'changed')),
    error_code TEXT,
    error_message TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    last_run INTEGER REFERENCES runs,        -- the run that saw it last
    CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    UNIQUE (uri, page)
) STRICT;
CREATE INDEX pictures_by_digest ON pictures (sha256, page) WHERE sha256 IS NOT NULL;
CREATE INDEX pictures_by_record ON pictures (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX pictures_by_status ON pictures (status, id);
CREATE INDEX pictures_by_source ON pictures (source, last_run);

-- What happened to the files: moved (old and new uri), content (old and new digest), gone, back.
CREATE TABLE picture_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    at TEXT NOT NULL,
    run_id INTEGER REFERENCES runs,
    what TEXT NOT NULL CHECK (what IN ('moved', 'content', 'gone', 'back')),
    old TEXT,
    new TEXT
) STRICT;
CREATE INDEX picture_history_of ON picture_history (picture_id);

-- Why one captioner has nothing to say of one picture.
CREATE TABLE failures (
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    source TEXT NOT NULL,                    -- the captioner, as in texts
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 1,
    at TEXT NOT NULL,
    run_id INTEGER REFERENCES runs,
    PRIMARY KEY (picture_id, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE texts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('alt', 'description')),
    lang TEXT NOT NULL,                      -- BCP 47
    source TEXT NOT NULL,                    -- a captioner's or translator's name, 'human', or 'museum'
    status TEXT NOT NULL CHECK (status IN (
        'machine',                           -- a model wrote it, nobody looked
        'given',                             -- came with the museum's record
        'edited',                            -- a person wrote it
        'approved',                          -- a person read it and let it stand
        'sampled',                           -- approved with its band, by sample: nobody read this one
        'rejected',                          -- a person read it and refused it
        'deleted',                           -- a person wants no machine's text here
        'withdrawn'                          -- the run that made it was undone: as if it were not there
    )),
    text TEXT,
    machine_text TEXT,                       -- what the model wrote, also after a person edited it
    confidence REAL CHECK (confidence BETWEEN 0 AND 1),          -- of machine_text
    unlike_training REAL CHECK (unlike_training BETWEEN 0 AND 1),
    model TEXT,
    model_version TEXT,
    signature TEXT,
    alternatives TEXT CHECK (alternatives IS NULL OR json_valid(alternatives)),          -- [[text, log probability], ...]
    tokens TEXT CHECK (tokens IS NULL OR json_valid(tokens)),                      -- [[word, probability], ...]
    of_sha256 TEXT,                          -- of the picture that it was written for
    from_text_id INTEGER REFERENCES texts,   -- what it is a translation of,
    from_version INTEGER,                    -- and which version of that
    version INTEGER NOT NULL DEFAULT 1,
    act_id INTEGER NOT NULL REFERENCES acts,
    CHECK ((status IN ('deleted', 'withdrawn')) = (text IS NULL))
) STRICT;
CREATE UNIQUE INDEX texts_slot ON texts (picture_id, kind, lang, source) WHERE status NOT IN ('rejected', 'withdrawn');
CREATE INDEX texts_of_picture ON texts (picture_id, kind, lang, status);
CREATE INDEX texts_queue ON texts (kind, coalesce(confidence, -1.0), id);
CREATE INDEX texts_queue_of_status ON texts (status, kind, coalesce(confidence, -1.0), id);
CREATE INDEX texts_by_source ON texts (source, kind, lang);
CREATE INDEX texts_by_origin ON texts (from_text_id) WHERE from_text_id IS NOT NULL;

-- The one text that counts for a picture, kind and language. Kept by triggers.
CREATE TABLE chosen (
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    kind TEXT NOT NULL,
    lang TEXT NOT NULL,
    text_id INTEGER NOT NULL UNIQUE REFERENCES texts ON DELETE CASCADE,
    PRIMARY KEY (picture_id, kind, lang)
) STRICT, WITHOUT ROWID;

-- Every change of every text, from its first version on. Written by triggers, so that no road leads past it.
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,    -- "change 17"
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    text_id INTEGER NOT NULL,
    act_id INTEGER NOT NULL REFERENCES acts,
    version INTEGER NOT NULL,                -- of the text, after the change
    old_status TEXT,                         -- NULL: the text was new
    new_status TEXT NOT NULL,
    old_text TEXT,
    new_text TEXT,
    before TEXT CHECK (before IS NULL OR json_valid(before))   -- the other columns as they were
) STRICT;
CREATE INDEX history_of_picture ON history (picture_id, id);
CREATE INDEX history_of_text ON history (text_id, id);
CREATE INDEX history_of_act ON history (act_id, text_id);

-- A picture whose words changed has a new, higher `seq`: whoever keeps an index reads what is above the last it saw.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    picture_id INTEGER NOT NULL UNIQUE REFERENCES pictures ON DELETE CASCADE
) STRICT;

-- Salted digests of what was forgotten, so that the next run does not bring it back.
CREATE TABLE forgotten (mark TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
-- Pictures that are being forgotten in this transaction: the one way past the triggers that refuse to delete.
CREATE TABLE forgetting (picture_id INTEGER PRIMARY KEY) STRICT;

CREATE VIEW chosen_texts AS
    SELECT texts.*, acts.at AS changed, acts.who AS changed_by, acts.who_is AS changed_by_a
    FROM chosen JOIN texts ON texts.id = chosen.text_id JOIN acts ON acts.id = texts.act_id;

-- What people vouch for: wrote, read, approved by sample (`status` says which), or gave with their records.
CREATE VIEW approved_texts AS
    SELECT * FROM chosen_texts WHERE status IN ('edited', 'approved', 'sampled', 'given');
