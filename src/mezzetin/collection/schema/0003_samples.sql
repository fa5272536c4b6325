-- Approval by sample: some texts of a band are drawn by lot and judged by people, and speak for the rest.

CREATE TABLE samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    filter TEXT NOT NULL CHECK (json_valid(filter)),
    seed INTEGER NOT NULL,
    drawn TEXT NOT NULL,                     -- when
    drawn_by TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dropped')),
    run_id INTEGER REFERENCES runs           -- that approved the band by it
) STRICT;

-- The band as it was at the draw. A text whose words have changed since does not count any more.
CREATE TABLE sample_texts (
    sample_id INTEGER NOT NULL REFERENCES samples,
    text_id INTEGER NOT NULL,
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    version INTEGER NOT NULL,                -- of the text, at the draw
    place INTEGER,                           -- in the order of the lot, from 1; NULL: not drawn
    PRIMARY KEY (sample_id, text_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sample_texts_drawn ON sample_texts (sample_id, place) WHERE place IS NOT NULL;
CREATE INDEX sample_texts_of_picture ON sample_texts (picture_id);

-- What each person said of a text that was drawn; two people may disagree.
CREATE TABLE verdicts (
    sample_id INTEGER NOT NULL REFERENCES samples,
    text_id INTEGER NOT NULL,
    picture_id INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
    who TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('acceptable', 'not')),
    at TEXT NOT NULL,
    PRIMARY KEY (sample_id, text_id, who)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_of_picture ON verdicts (picture_id);
