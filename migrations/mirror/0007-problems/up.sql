-- What failed and is tried again by each run: a record that could not be read, a contact that could not be written, a
-- replica that could not be used at all. A row goes by itself: once a run has read, or written, there without it.
CREATE TABLE problems (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    replica   TEXT    NOT NULL,
    activity  TEXT    NOT NULL CHECK (activity IN ('read', 'write')),
    place     TEXT    NOT NULL,                       -- 'ada.vcf line 7'; '': the contact, or else the replica as a whole
    contact   INTEGER,
    message   TEXT    NOT NULL,                       -- what is wrong there; without a place it reads after "failed to"
    hint      TEXT,
    count     INTEGER NOT NULL CHECK (count > 0),     -- more than 1: so many for one reason, and this is the first of them
    others    TEXT    NOT NULL CHECK (json_valid(others)), -- the next few of those: objects of place, contact and message
    first_run INTEGER NOT NULL,
    last_run  INTEGER NOT NULL
) STRICT;
CREATE INDEX problems_of_replica ON problems (replica, activity);

-- Contacts with a company, which the CRM has no place for.
CREATE INDEX contacts_with_company ON contacts (id) WHERE company IS NOT NULL AND deleted_at IS NULL;
