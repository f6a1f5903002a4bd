-- What carnet serves to devices: one address book a device, each with a counter of its own. Only carnet writes it.
--
-- A device's counter grows with every change of its book, and each change has a number of its own: `version` of a card that
-- was written, `gone` of one that was removed. Times are seconds since 1970. Migrations are append-only: this file never
-- changes once it has been released.

PRAGMA application_id = 0x63617264; -- 'card'

CREATE TABLE devices (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: a request under way for a revoked device finds nobody
    name          TEXT    NOT NULL UNIQUE CHECK (name <> ''),
    book          TEXT CHECK (book <> ''),           -- the settings' book that says what is on it; NULL: the default
    read_only     INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    password_hash TEXT    NOT NULL,
    book_id       TEXT    NOT NULL,                  -- random: a token of another book, or of an earlier one, is told by it
    counter       INTEGER NOT NULL DEFAULT 0,
    cards         INTEGER NOT NULL DEFAULT 0,        -- how many there are
    taken         INTEGER NOT NULL DEFAULT 0,        -- the counter up to which a run has taken what the device did
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER,
    program       TEXT                               -- as it calls itself
) STRICT;

-- Each text once, however many devices have it.
CREATE TABLE bodies (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE, -- BLAKE3
    body BLOB NOT NULL
) STRICT;

CREATE TABLE cards (
    device       INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL CHECK (name <> ''), -- the last part of its path
    uid          TEXT    NOT NULL CHECK (uid <> ''),
    uid_key      TEXT    NOT NULL,                    -- without regard to case
    version      INTEGER NOT NULL,                    -- the counter at its last change
    body         INTEGER NOT NULL REFERENCES bodies (id),
    digest       TEXT    NOT NULL,                    -- the first half of the hash, for the etag
    size         INTEGER NOT NULL,                    -- bytes
    by_device    INTEGER NOT NULL CHECK (by_device IN (0, 1)),
    served       INTEGER NOT NULL CHECK (served IN (0, 1)), -- the device has seen this version, or wrote it
    seen_version INTEGER,                             -- where it has not: the last version that it has seen
    seen_body    INTEGER REFERENCES bodies (id),
    -- What the device did since a run was here: the versions that it came by, the first of which it has edited, with that
    -- one's text. The first is 0 where it wrote over a card that it had never seen.
    passed       TEXT,
    base_body    INTEGER REFERENCES bodies (id),
    PRIMARY KEY (device, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX cards_by_uid ON cards (device, uid_key);
CREATE UNIQUE INDEX cards_by_version ON cards (device, version);
CREATE INDEX cards_by_device ON cards (device, version) WHERE by_device = 1;
CREATE INDEX cards_unserved ON cards (device, name) WHERE served = 0;
CREATE INDEX cards_by_body ON cards (body);
CREATE INDEX cards_by_seen_body ON cards (seen_body) WHERE seen_body IS NOT NULL;
CREATE INDEX cards_by_base_body ON cards (base_body) WHERE base_body IS NOT NULL;

-- Cards that are gone, for good: a device that comes back after years is told of them.
CREATE TABLE tombstones (
    device    INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    gone      INTEGER NOT NULL, -- the counter at its removal
    name      TEXT    NOT NULL,
    by_device INTEGER NOT NULL CHECK (by_device IN (0, 1)),
    -- As the card would have it, had the device written it instead.
    passed    TEXT,
    base_body INTEGER REFERENCES bodies (id),
    PRIMARY KEY (device, gone)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_name ON tombstones (device, name, gone);
CREATE INDEX tombstones_by_device ON tombstones (device, gone) WHERE by_device = 1;
CREATE INDEX tombstones_by_base_body ON tombstones (base_body) WHERE base_body IS NOT NULL;
