-- How the tables into which every batch goes are stored and merged. Measured; the figures are in docs/performance.md. Nothing here touches a
-- row that is stored: old parts become like new ones when they are merged.
--
-- No statistics of columns: since 2026 every merge works them out for all columns unless it is told not to, and no question of ours is
-- planned by them.
--
-- What one insert brings stays one file. What is merged has a file for each column from 32 MiB on, about a hundred thousand events: only then
-- does the server merge column by column (`Vertical`), which costs half of carrying whole rows. Small merges still make few files.

ALTER TABLE events MODIFY SETTING
    auto_statistics_types = '',
    min_level_for_wide_part = 1,
    min_bytes_for_wide_part = 33554432;

-- Hashes do not become smaller.
ALTER TABLE app_person_days MODIFY COLUMN user_key CODEC(NONE);

ALTER TABLE app_sessions MODIFY COLUMN session_key CODEC(NONE);

ALTER TABLE app_person_days MODIFY SETTING auto_statistics_types = '';

ALTER TABLE app_sessions MODIFY SETTING auto_statistics_types = '';

ALTER TABLE app_days MODIFY SETTING auto_statistics_types = '';

ALTER TABLE apps MODIFY SETTING auto_statistics_types = '';

ALTER TABLE source_hours MODIFY SETTING auto_statistics_types = '';
