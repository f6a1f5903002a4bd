-- When something was first seen, by a clock that nobody sets: "BOOT SECONDS", the machine's boot and its uptime then.
-- Empty, or another boot: the wait begins anew. The wall-clock columns beside them are for people.
ALTER TABLE absences ADD COLUMN first_uptime TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN sent_uptime TEXT NOT NULL DEFAULT '';
