-- The CRM's firms, which contacts name by firm_id.
CREATE TABLE firms (
    id       TEXT    PRIMARY KEY,
    name     TEXT    NOT NULL,                       -- '' where it has none
    key      TEXT    NOT NULL,                       -- by which names are compared; '' for no name
    revision TEXT    NOT NULL,
    gone     INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1))  -- the CRM does not list it any more; its contacts keep its name
) STRICT, WITHOUT ROWID;
CREATE INDEX firms_by_key ON firms (key) WHERE gone = 0;
CREATE INDEX contacts_by_firm ON contacts (firm_id) WHERE firm_id IS NOT NULL;

-- Firms that are to be made, each once: written down before the request leaves.
CREATE TABLE firm_creations (
    key         TEXT    PRIMARY KEY,
    name        TEXT    NOT NULL,
    run         INTEGER NOT NULL,
    sent_uptime TEXT    NOT NULL                     -- '' until it was sent
) STRICT, WITHOUT ROWID;

-- Who belongs to which firm.
CREATE VIEW firm_members AS
SELECT firms.id AS firm_id, firms.name AS firm, contacts.id AS contact, contacts.uid, contacts.last_name, contacts.first_name
FROM contacts JOIN firms ON firms.id = contacts.firm_id
WHERE contacts.deleted_at IS NULL;
