//! The troubles of ClickHouse that statements begin and end: it runs, and refuses.

/// How many there are.
pub const TROUBLES: u64 = LIST.len() as u64;

/// What it is called, what begins it, what ends it. They may be begun and ended twice.
pub const LIST: &[(&str, &str, &str)] = &[
    (
        "too_many_parts",
        "ALTER TABLE chaos.events MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_avg_part_size_for_too_many_parts = 0",
        "ALTER TABLE chaos.events RESET SETTING parts_to_throw_insert, parts_to_delay_insert, max_avg_part_size_for_too_many_parts",
    ),
    (
        "disk_full",
        "ALTER TABLE chaos.events MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000",
        "ALTER TABLE chaos.events RESET SETTING min_free_disk_bytes_to_perform_insert",
    ),
    (
        "slow_constraint",
        "ALTER TABLE chaos.events ADD CONSTRAINT IF NOT EXISTS slow CHECK sleepEachRow(3) = 0",
        "ALTER TABLE chaos.events DROP CONSTRAINT IF EXISTS slow",
    ),
];
