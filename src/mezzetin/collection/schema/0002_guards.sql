-- A person's word is never overwritten by a machine: held here, whatever code writes.

CREATE TRIGGER acts_stay BEFORE UPDATE ON acts
BEGIN SELECT raise(ABORT, 'an act is never changed'); END;
CREATE TRIGGER acts_remain BEFORE DELETE ON acts
BEGIN SELECT raise(ABORT, 'an act is never removed'); END;
CREATE TRIGGER acts_are_new BEFORE INSERT ON acts WHEN EXISTS (SELECT 1 FROM acts WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'an act is never changed'); END;

CREATE TRIGGER history_stays BEFORE UPDATE ON history
BEGIN SELECT raise(ABORT, 'history is never changed'); END;
CREATE TRIGGER history_remains BEFORE DELETE ON history
WHEN NOT EXISTS (SELECT 1 FROM forgetting WHERE picture_id = OLD.picture_id)
BEGIN SELECT raise(ABORT, 'history is never removed but with its picture, by forget'); END;
CREATE TRIGGER history_is_new BEFORE INSERT ON history WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'history is never changed'); END;

CREATE TRIGGER pictures_remain BEFORE DELETE ON pictures
WHEN NOT EXISTS (SELECT 1 FROM forgetting WHERE picture_id = OLD.id)
BEGIN SELECT raise(ABORT, 'a picture is removed by forget alone'); END;
CREATE TRIGGER pictures_are_new BEFORE INSERT ON pictures WHEN EXISTS (SELECT 1 FROM pictures WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'a picture is removed by forget alone'); END;
CREATE TRIGGER texts_remain BEFORE DELETE ON texts
WHEN NOT EXISTS (SELECT 1 FROM forgetting WHERE picture_id = OLD.picture_id)
BEGIN SELECT raise(ABORT, 'a text is removed with its picture alone, by forget: delete it as a person instead'); END;

-- BEFORE INSERT also fires for INSERT OR REPLACE, whose deletion no other trigger sees.
CREATE TRIGGER texts_begin BEFORE INSERT ON texts
BEGIN
    SELECT raise(ABORT, 'a text needs an act of its own transaction')
    WHERE NEW.act_id IS NOT (SELECT max(id) FROM acts);
    SELECT raise(ABORT, 'a text begins with version 1') WHERE NEW.version <> 1;
    SELECT raise(ABORT, 'a text is never replaced') WHERE EXISTS (SELECT 1 FROM texts WHERE id = NEW.id);
    SELECT raise(ABORT, 'a translation is of the same picture') WHERE NEW.from_text_id IS NOT NULL
        AND NEW.picture_id IS NOT (SELECT picture_id FROM texts WHERE id = NEW.from_text_id);
    SELECT raise(ABORT, 'a person has the last word: no machine writes here')
    WHERE (SELECT who_is FROM acts WHERE id = NEW.act_id) = 'machine' AND (
        NEW.status NOT IN ('machine', 'given')
        OR EXISTS (SELECT 1 FROM texts WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang AND (
            (source = NEW.source AND status NOT IN ('machine', 'given', 'rejected', 'withdrawn'))
            OR (source = NEW.source AND status <> NEW.status AND status IN ('machine', 'given'))
            OR (NEW.status = 'machine' AND (status = 'deleted' OR (status = 'rejected' AND text = NEW.text))))));
    -- An upsert of a machine meets this slot again in texts_change; a person's INSERT OR REPLACE ends here.
    SELECT raise(ABORT, 'a text is never replaced')
    WHERE (SELECT who_is FROM acts WHERE id = NEW.act_id) = 'person'
        AND NEW.status NOT IN ('rejected', 'withdrawn')
        AND EXISTS (SELECT 1 FROM texts WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang
            AND source = NEW.source AND status NOT IN ('rejected', 'withdrawn'));
END;

CREATE TRIGGER texts_change BEFORE UPDATE ON texts
BEGIN
    SELECT raise(ABORT, 'a text stays where it is') WHERE NEW.id <> OLD.id OR NEW.picture_id <> OLD.picture_id
        OR NEW.kind <> OLD.kind OR NEW.lang <> OLD.lang OR NEW.source <> OLD.source;
    SELECT raise(ABORT, 'a change raises the version by one') WHERE NEW.version <> OLD.version + 1;
    SELECT raise(ABORT, 'a text needs an act of its own transaction')
    WHERE NEW.act_id = OLD.act_id OR NEW.act_id IS NOT (SELECT max(id) FROM acts);
    SELECT raise(ABORT, 'a person has the last word: no machine writes here')
    WHERE (SELECT who_is FROM acts WHERE id = NEW.act_id) = 'machine' AND (
        OLD.status NOT IN ('machine', 'given') OR NEW.status <> OLD.status
        OR (OLD.status = 'machine' AND EXISTS (
            SELECT 1 FROM texts WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang
            AND (status = 'deleted' OR (status = 'rejected' AND text = NEW.text)))));
    SELECT raise(ABORT, 'another text has taken the place of this one')
    WHERE OLD.status IN ('rejected', 'withdrawn') AND NEW.status NOT IN ('rejected', 'withdrawn') AND EXISTS (
        SELECT 1 FROM texts WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang
        AND source = NEW.source AND id <> NEW.id AND status NOT IN ('rejected', 'withdrawn'));
END;

CREATE TRIGGER texts_begun AFTER INSERT ON texts
BEGIN
    INSERT INTO history (picture_id, text_id, act_id, version, new_status, new_text)
    VALUES (NEW.picture_id, NEW.id, NEW.act_id, NEW.version, NEW.status, NEW.text);
END;
CREATE TRIGGER texts_changed AFTER UPDATE ON texts
BEGIN
    INSERT INTO history (picture_id, text_id, act_id, version, old_status, new_status, old_text, new_text, before)
    VALUES (NEW.picture_id, NEW.id, NEW.act_id, NEW.version, OLD.status, NEW.status, OLD.text, NEW.text, json_object(
        'machine_text', OLD.machine_text, 'confidence', OLD.confidence, 'unlike_training', OLD.unlike_training,
        'model', OLD.model, 'model_version', OLD.model_version, 'signature', OLD.signature,
        'alternatives', json(OLD.alternatives), 'tokens', json(OLD.tokens), 'of_sha256', OLD.of_sha256,
        'from_version', OLD.from_version));
END;

-- Which text counts: the newest word of a person; else what the museum gave; else what was approved by sample; else
-- the surest machine's. A deletion silences machines for the picture, kind and language, whichever captioner speaks.
CREATE TRIGGER texts_begun_chosen AFTER INSERT ON texts
BEGIN
    DELETE FROM chosen WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang;
    INSERT INTO chosen SELECT picture_id, kind, lang, id FROM texts AS one
    WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang AND (
        status IN ('edited', 'approved', 'given') OR (status IN ('sampled', 'machine') AND NOT EXISTS (
            SELECT 1 FROM texts WHERE picture_id = one.picture_id AND kind = one.kind AND lang = one.lang
            AND status = 'deleted')))
    ORDER BY CASE status WHEN 'given' THEN 1 WHEN 'sampled' THEN 2 WHEN 'machine' THEN 3 ELSE 0 END,
        CASE WHEN status IN ('edited', 'approved') THEN act_id END DESC, coalesce(confidence, -1.0) DESC, id LIMIT 1;
END;
CREATE TRIGGER texts_changed_chosen AFTER UPDATE ON texts
BEGIN
    DELETE FROM chosen WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang;
    INSERT INTO chosen SELECT picture_id, kind, lang, id FROM texts AS one
    WHERE picture_id = NEW.picture_id AND kind = NEW.kind AND lang = NEW.lang AND (
        status IN ('edited', 'approved', 'given') OR (status IN ('sampled', 'machine') AND NOT EXISTS (
            SELECT 1 FROM texts WHERE picture_id = one.picture_id AND kind = one.kind AND lang = one.lang
            AND status = 'deleted')))
    ORDER BY CASE status WHEN 'given' THEN 1 WHEN 'sampled' THEN 2 WHEN 'machine' THEN 3 ELSE 0 END,
        CASE WHEN status IN ('edited', 'approved') THEN act_id END DESC, coalesce(confidence, -1.0) DESC, id LIMIT 1;
END;

CREATE TRIGGER texts_begun_seq AFTER INSERT ON texts
BEGIN
    DELETE FROM changes WHERE picture_id = NEW.picture_id;
    INSERT INTO changes (picture_id) VALUES (NEW.picture_id);
END;
CREATE TRIGGER texts_changed_seq AFTER UPDATE ON texts
BEGIN
    DELETE FROM changes WHERE picture_id = NEW.picture_id;
    INSERT INTO changes (picture_id) VALUES (NEW.picture_id);
END;
CREATE TRIGGER pictures_begun_seq AFTER INSERT ON pictures
BEGIN
    INSERT INTO changes (picture_id) VALUES (NEW.id);
END;
CREATE TRIGGER pictures_changed_seq
AFTER UPDATE OF uri, sha256, record_id, title, artist, date, licence, rights, restricted, extra, status ON pictures
WHEN (OLD.uri, OLD.sha256, OLD.record_id, OLD.title, OLD.artist, OLD.date, OLD.licence, OLD.rights, OLD.restricted,
    OLD.extra, OLD.status) IS NOT (NEW.uri, NEW.sha256, NEW.record_id, NEW.title, NEW.artist, NEW.date, NEW.licence,
    NEW.rights, NEW.restricted, NEW.extra, NEW.status)
BEGIN
    DELETE FROM changes WHERE picture_id = NEW.id;
    INSERT INTO changes (picture_id) VALUES (NEW.id);
END;
