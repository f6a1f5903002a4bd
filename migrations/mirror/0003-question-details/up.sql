-- What belongs to a question beyond its words, a JSON object: `candidates`, the ids of contacts that the record could be;
-- `todo`, what to do where `carnet conflicts resolve` is not it; `digest`, what the record said when it was answered.
ALTER TABLE questions ADD COLUMN detail TEXT CHECK (detail IS NULL OR json_valid(detail));
