-- What waits for a user beside conflicts, and what users have said, apart from each other and as parameters: words are
-- the matter of whoever shows them. Both were rows of `questions`, in English.

-- One row of each kind about each record.
CREATE TABLE attention (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,   -- typed as q7
    run     INTEGER NOT NULL,
    replica TEXT    NOT NULL,
    remote  TEXT    NOT NULL,                    -- the record there, or a contact's UID; '': the replica as a whole
    contact INTEGER,
    kind    TEXT    NOT NULL CHECK (kind <> ''), -- 'ambiguous', 'parked', 'untaken', 'held_deletion', 'stopped'...
    detail  TEXT    NOT NULL CHECK (json_valid(detail)), -- the kind's parameters, an object
    state   TEXT    NOT NULL CHECK (state IN ('open', 'settled'))
) STRICT;

-- What a user said. `run` NULL: noted on a conflict or on a row of `attention`, and not carried out yet. Else it stands
-- for a record, until a scan has met it, or for as long as the record is there.
CREATE TABLE decisions (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        TEXT    NOT NULL,
    run       INTEGER,                             -- the run that carried it out
    conflict  INTEGER,
    attention INTEGER,
    was_open  INTEGER NOT NULL DEFAULT 1 CHECK (was_open IN (0, 1)), -- whether that waited then
    replica   TEXT,
    remote    TEXT,
    kind      TEXT    NOT NULL CHECK (kind <> ''), -- noted: 'keep', 'adopt', 'create', 'same_as', 'new', 'dismiss';
                                                   -- of a record: 'same_as', 'new', 'copy', 'apart'
    detail    TEXT    NOT NULL CHECK (json_valid(detail)) -- the kind's parameters, an object
) STRICT;
CREATE INDEX decisions_noted ON decisions (id) WHERE run IS NULL;
CREATE UNIQUE INDEX decisions_of_record ON decisions (replica, remote, kind) WHERE run IS NOT NULL;

-- What was answered, and is remembered.
INSERT INTO decisions (at, run, replica, remote, kind, detail)
SELECT coalesce((SELECT started_at FROM runs WHERE runs.id = questions.run), ''), run, replica, remote, kind,
       CASE kind
           WHEN 'same_as' THEN json_object('contact', contact)
           WHEN 'copy' THEN json_object('contact', contact, 'digest', coalesce(detail ->> 'digest', ''))
           ELSE '{}'
       END
FROM questions
WHERE kind IN ('same_as', 'new', 'apart', 'copy')
ORDER BY id;

-- What waits, each sentence taken apart. It was taken apart rightly if it can be put together again: where not, the
-- sentence itself is kept, as `text`, with what it said to do, `todo`, and whom it named, `candidates`. Members are in
-- the order in which the program writes them: the same raised again is then no news.
INSERT INTO attention (id, run, replica, remote, contact, kind, detail, state)
WITH
told AS (
    SELECT id, run, replica, remote, contact, kind, text, state,
           coalesce(detail -> 'candidates', '[]') AS candidates, detail ->> 'todo' AS todo,
           'is empty, and held ' AS emptied, ' contacts of ' || replica || ' changed at once' AS edited,
           ' contacts are missing from ' || replica || '; ' AS missing, ' may go without a word' AS allowed
    FROM questions
    WHERE kind NOT IN ('same_as', 'new', 'apart', 'copy')
),
read AS (
    SELECT *,
           -- Of "a.vcf could be 2 known contacts; it was left alone", what stands between.
           CASE WHEN substr(text, 1, length(remote) + 1) = remote || ' ' AND text LIKE '%; it was left alone'
                THEN substr(text, length(remote) + 2, length(text) - length(remote) - 1 - length('; it was left alone'))
           END AS about,
           -- Of "the CRM does not show job_title, comment of contact u-1 as the mirror has it", the names.
           CASE WHEN text LIKE 'the CRM does not show % of contact ' || remote || ' as the mirror has it'
                THEN replace(replace(text, 'the CRM does not show ', ''), ' of contact ' || remote || ' as the mirror has it', '')
           END AS names,
           -- A number is what a text begins with.
           CAST(text AS INTEGER) AS first,
           CAST(substr(text, instr(text, ' of ') + 4) AS INTEGER) AS second,
           CAST(substr(text, instr(text, missing) + length(missing)) AS INTEGER) AS third,
           CAST(substr(text, instr(text, emptied) + length(emptied)) AS INTEGER) AS held,
           CAST(substr(text, length('the CRM''s listing leaves out ') + 1) AS INTEGER) AS left_out
    FROM told
),
parsed AS (
    SELECT *,
           CASE
               WHEN kind = 'parked' THEN '{}'
               WHEN kind = 'ambiguous' AND about = 'could be ' || json_array_length(candidates) || ' known contacts'
                   THEN json_object('candidates', json(candidates), 'reason', 'several')
               WHEN kind = 'ambiguous' AND about LIKE 'looks like a copy of %'
                   THEN json_object('candidates', json(candidates), 'reason',
                            json_object('copy_of', json_object('record', substr(about, length('looks like a copy of ') + 1))))
               WHEN kind = 'ambiguous' AND about = 'carries the CRM id of a contact with which it has nothing in common'
                   THEN json_object('candidates', json(candidates), 'reason', 'foreign_id')
               WHEN kind = 'ambiguous' AND about = 'was a copy of a contact that is deleted'
                   THEN json_object('candidates', json(candidates), 'reason', 'copy_of_deleted')
               WHEN kind = 'untaken' AND names <> '' AND names NOT GLOB '*[^a-z_, ]*'
                    AND NOT EXISTS (
                        SELECT 1 FROM json_each('["' || replace(names, ', ', '","') || '"]')
                        WHERE value NOT IN ('civility_label_id', 'last_name', 'first_name', 'comment', 'job_title',
                                            'job_department', 'country', 'contact_type', 'firm_id', 'contact_addresses',
                                            'contact_items', 'company', 'extra'))
                   THEN json_object('fields', json('["' || replace(names, ', ', '","') || '"]'))
               WHEN kind = 'held_deletion' AND text = first || ' of ' || second || missing || third || allowed
                    AND todo = 'nothing was deleted; if this is meant, run `carnet sync --max-delete ' || first || '`'
                   THEN json_object('allowed', third, 'known', second, 'missing', first)
               WHEN kind = 'stopped' AND text = replica || ' ' || emptied || held || ' contacts before'
                    AND todo = 'look at it first; if this is meant, run `carnet sync --force`'
                   THEN json_object('reason', json_object('emptied', json_object('known', held)))
               WHEN kind = 'stopped' AND text = first || ' of ' || second || edited
                    AND todo = 'look at it first; if this is meant, run `carnet sync --force`'
                   THEN json_object('reason', json_object('mass_edit', json_object('edited', first, 'known', second)))
               WHEN kind = 'stopped'
                    AND text = 'the CRM''s listing leaves out ' || left_out
                               || ' contacts that the books know by their CRM id; nothing is written there'
                    AND todo = 'if the listing was not whole, run it again; `carnet sync --max-delete ' || left_out
                               || '` asks for each by its id'
                   THEN json_object('reason', json_object('listing_leaves_out', json_object('count', left_out)))
           END AS parameters
    FROM read
)
SELECT id, run, replica, remote, contact, kind,
       coalesce(parameters,
                json_patch(json_patch(json_object('text', text), json_object('todo', todo)),
                           CASE WHEN json_array_length(candidates) > 0
                                THEN json_object('candidates', json(candidates)) ELSE '{}' END)),
       state
FROM parsed
ORDER BY id;

CREATE UNIQUE INDEX attention_by_subject ON attention (replica, remote, kind);
CREATE INDEX attention_open ON attention (id) WHERE state = 'open';

-- Numbers are never used again.
DELETE FROM sqlite_sequence WHERE name = 'attention';
INSERT INTO sqlite_sequence (name, seq) SELECT 'attention', seq FROM sqlite_sequence WHERE name = 'questions';

DROP TABLE questions;
