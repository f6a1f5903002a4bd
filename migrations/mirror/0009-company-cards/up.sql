-- Firms as company cards of books.
ALTER TABLE firms ADD COLUMN details TEXT NOT NULL DEFAULT '';  -- JSON: addresses and items; '' for none

-- The company cards of books: carnet's own, one for each firm, and those that somebody else made.
CREATE TABLE company_cards (
    book     TEXT NOT NULL CHECK (book <> ''),
    remote   TEXT NOT NULL CHECK (remote <> ''),
    firm     TEXT,                                   -- whose card carnet keeps here; NULL: somebody's own
    key      TEXT NOT NULL DEFAULT '',               -- somebody's own: by which its company's name is compared
    revision TEXT NOT NULL DEFAULT '',
    written  TEXT NOT NULL DEFAULT '',               -- the name and the details it was written from; '' while it is to be written
    theirs   TEXT,                                   -- JSON, a contact: what it says
    state    TEXT NOT NULL DEFAULT 'known' CHECK (state IN ('known', 'sent', 'missing')),
    PRIMARY KEY (book, remote)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX company_cards_by_firm ON company_cards (book, firm) WHERE firm IS NOT NULL;
CREATE INDEX company_cards_by_key ON company_cards (book, key) WHERE firm IS NULL;
