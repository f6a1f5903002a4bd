-- Where each replica's next scan goes on from: notes that only the replica understands, committed with the last of what a
-- scan said. The CRM's are its listing pages as last read, which had a table of their own.
CREATE TABLE cursors (
    replica TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL CHECK (value <> ''),
    PRIMARY KEY (replica, name)
) STRICT, WITHOUT ROWID;
INSERT INTO cursors (replica, name, value)
SELECT 'crm', 'page/' || page, json_object('etag', etag, 'digest', digest, 'ids', json(remotes), 'seal', seal,
                                           'total_pages', total_pages)
FROM pages;
DROP TABLE pages;
