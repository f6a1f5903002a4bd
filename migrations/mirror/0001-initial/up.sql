-- The mirror's tables. People may read them with any SQLite program; only carnet writes them.
--
-- Column names are the API reference's. A text that is not set is NULL, never ''. Codes are kept as the wire's text
-- ('17', 'client', '471'), so that one the reference does not list survives; comparing them with numbers works too.
-- Times are RFC 3339, UTC. Migrations are append-only: this file never changes once it has been released.

PRAGMA application_id = 0x6361726e; -- 'carn'

-- A contact as the mirror holds it. Ids are never used again, so that history can name them.
CREATE TABLE contacts (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    uid               TEXT    NOT NULL CHECK (uid <> ''),
    civility_label_id TEXT,
    last_name         TEXT CHECK (last_name <> ''),
    first_name        TEXT CHECK (first_name <> ''),
    comment           TEXT CHECK (comment <> ''),
    job_title         TEXT CHECK (job_title <> ''),
    job_department    TEXT CHECK (job_department <> ''),
    country           TEXT CHECK (country <> ''),
    contact_type      TEXT,
    firm_id           TEXT CHECK (firm_id <> ''),
    company           TEXT CHECK (company <> ''),
    extra             TEXT CHECK (extra IS NULL OR json_valid(extra)), -- vCard lines outside the model: a JSON array of texts
    version           INTEGER NOT NULL CHECK (version > 0), -- grows with every change
    created_at        TEXT    NOT NULL,
    created_by        TEXT    NOT NULL,               -- the replica it was first seen in
    created_run       INTEGER NOT NULL,
    updated_at        TEXT    NOT NULL,
    deleted_at        TEXT                            -- set: gone, kept until every replica has agreed to that
) STRICT;
CREATE UNIQUE INDEX contacts_by_uid ON contacts (uid);
CREATE INDEX contacts_deleted ON contacts (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE contact_addresses (
    contact         INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    position        INTEGER NOT NULL CHECK (position >= 0), -- the CRM's order
    address_type    TEXT    NOT NULL,
    street_address  TEXT CHECK (street_address <> ''),
    street_address2 TEXT CHECK (street_address2 <> ''),
    zip_code        TEXT CHECK (zip_code <> ''),
    city            TEXT CHECK (city <> ''),
    country         TEXT CHECK (country <> ''),
    PRIMARY KEY (contact, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_items (
    contact  INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0), -- the CRM's order
    type_id  TEXT    NOT NULL,
    value    TEXT CHECK (value <> ''),
    PRIMARY KEY (contact, position)
) STRICT, WITHOUT ROWID;

-- The last state in common with a replica, as each side saw it.
-- `ours` NULL: the contact as it stands above, and then `version` is the contact's. `theirs` NULL: the same as `ours`.
CREATE TABLE agreements (
    replica  TEXT    NOT NULL CHECK (replica <> ''),
    contact  INTEGER NOT NULL REFERENCES contacts (id),
    remote   TEXT    NOT NULL CHECK (remote <> ''),
    revision TEXT    NOT NULL,
    version  INTEGER NOT NULL CHECK (version >= 0), -- 0: something is pending
    detached INTEGER NOT NULL DEFAULT 0 CHECK (detached IN (0, 1)), -- 1: neither written nor believed any more
    marks    TEXT    NOT NULL DEFAULT '',           -- the identity last written into the replica's record
    theirs   TEXT,                                  -- JSON, a contact
    ours     TEXT,                                  -- JSON, a contact
    detail   TEXT,                                  -- JSON, the replica's own: $.unknown holds unnamed CRM elements
    PRIMARY KEY (replica, contact)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX agreements_by_remote ON agreements (replica, remote);
CREATE INDEX agreements_by_contact ON agreements (contact);
CREATE INDEX agreements_behind ON agreements (replica, contact) WHERE ours IS NOT NULL;
CREATE INDEX agreements_detached ON agreements (replica, contact) WHERE detached = 1;

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    command     TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    finished_at TEXT,             -- NULL: still at work, or it was killed
    outcome     TEXT,
    exit_code   INTEGER,
    summary     TEXT              -- JSON
) STRICT;

-- Every value that was overwritten or lost, with where the change came from. Outlives the contact.
CREATE TABLE history (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL,
    at      TEXT    NOT NULL,
    contact INTEGER NOT NULL,
    uid     TEXT    NOT NULL,
    source  TEXT    NOT NULL,     -- the replica that the change came from
    kind    TEXT    NOT NULL CHECK (kind <> ''), -- 'update', 'delete', 'conflict'...
    field   TEXT,                 -- the reference's name; NULL: the whole contact
    old     TEXT,
    new     TEXT
) STRICT;
CREATE INDEX history_by_contact ON history (contact, id);
CREATE INDEX history_by_run ON history (run, id);

-- Both sides changed the same thing.
CREATE TABLE conflicts (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL,
    at      TEXT    NOT NULL,
    contact INTEGER NOT NULL,
    replica TEXT    NOT NULL,
    field   TEXT,                 -- NULL: the whole contact
    base    TEXT,
    here    TEXT,
    there   TEXT,
    kept    TEXT    NOT NULL,     -- 'here', 'there', 'both', 'open'
    state   TEXT    NOT NULL CHECK (state IN ('open', 'settled'))
) STRICT;
CREATE INDEX conflicts_open ON conflicts (id) WHERE state = 'open';
CREATE INDEX conflicts_by_contact ON conflicts (contact, replica, id);

-- Writes whose end is not known yet. Ids are never used again: staged files carry them.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    replica    TEXT    NOT NULL,
    contact    INTEGER NOT NULL REFERENCES contacts (id),
    action     TEXT    NOT NULL CHECK (action IN ('create', 'update', 'delete')),
    state      TEXT    NOT NULL CHECK (state IN ('sent', 'unknown', 'parked', 'refused')),
    payload    TEXT    NOT NULL,  -- JSON
    highest_id INTEGER,           -- the highest CRM id ever seen when it was sent
    sent_at    TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 1 CHECK (attempts >= 0),
    error      TEXT
) STRICT;
CREATE INDEX outbox_by_replica ON outbox (replica, id);
CREATE INDEX outbox_by_contact ON outbox (contact);

-- Contacts that a replica said it has no more, until that is confirmed.
CREATE TABLE absences (
    replica  TEXT    NOT NULL,
    remote   TEXT    NOT NULL,
    contact  INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    strikes  INTEGER NOT NULL CHECK (strikes > 0),
    first_at TEXT    NOT NULL,
    last_run INTEGER NOT NULL,
    PRIMARY KEY (replica, remote)
) STRICT, WITHOUT ROWID;
CREATE INDEX absences_by_contact ON absences (contact);

-- The CRM's listing pages as last read.
CREATE TABLE pages (
    page        INTEGER PRIMARY KEY CHECK (page > 0),
    etag        TEXT,
    digest      TEXT NOT NULL,
    remotes     TEXT NOT NULL,    -- JSON, an array of ids
    seal        TEXT NOT NULL,
    total_pages INTEGER
) STRICT;

-- What waits for a person's word.
CREATE TABLE questions (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL,
    replica TEXT    NOT NULL,
    remote  TEXT    NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind <> ''), -- 'ambiguous', 'held_deletion'...
    contact INTEGER,
    text    TEXT    NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('open', 'settled'))
) STRICT;
CREATE UNIQUE INDEX questions_by_subject ON questions (replica, remote, kind);
CREATE INDEX questions_open ON questions (id) WHERE state = 'open';

-- Single values: the account behind the mirror, what was learnt of the server, the books' markers.
CREATE TABLE facts (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The living contacts that the CRM holds, under its own ids.
CREATE VIEW crm_contacts AS
SELECT agreements.remote AS crm_id, contacts.*
FROM agreements JOIN contacts ON contacts.id = agreements.contact
WHERE agreements.replica = 'crm' AND agreements.detached = 0 AND contacts.deleted_at IS NULL;

-- Who is reached under which telephone number.
CREATE VIEW phone_list AS
SELECT contacts.last_name, contacts.first_name, contacts.company,
       CASE contact_items.type_id
           WHEN '23' THEN 'personal' WHEN '554' THEN 'personal cell'
           WHEN '471' THEN 'main professional' WHEN '24' THEN 'professional' ELSE 'professional cell'
       END AS kind,
       contact_items.value AS phone, contacts.uid
FROM contacts JOIN contact_items ON contact_items.contact = contacts.id
WHERE contacts.deleted_at IS NULL AND contact_items.type_id IN ('23', '554', '471', '24', '88');
