-- UIDs of imported records that were taken for contacts which have another one here (a record that brings none has one
-- made of its content): the same record is the same contact the next time, too, whatever else has changed.
CREATE TABLE other_uids (
    uid     TEXT NOT NULL PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    run     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX other_uids_by_contact ON other_uids (contact);
CREATE INDEX other_uids_by_run ON other_uids (run);
