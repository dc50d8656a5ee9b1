-- Which dead letters were put through again (`daylight redrive`), and when. The record that says so replaces the row: it comes later in the
-- log, and `inserted_at` is the time of the log since this migration, so the later record wins in whatever order rows are stored.

ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS redriven_at DateTime64(3, 'UTC') COMMENT 'When it was put through again; epoch: nobody has' AFTER is_redrivable;

-- What waits for somebody: without any text of events.
CREATE VIEW IF NOT EXISTS dead_letters_open AS
SELECT dead_letter_id, tenant, connection, reason, detail, origin, received_at, is_redrivable
FROM dead_letters FINAL
WHERE redriven_at = toDateTime64(0, 3, 'UTC');
