-- Which apps were merged and split, by whom and why, with the whole history. Records of the log, as decisions are: their coordinates are part
-- of the key, so that the same record again replaces itself. Rows of `events` and of usage keep the key that an app had at the time.

CREATE TABLE IF NOT EXISTS aliases
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    action Enum8('merge' = 0, 'split' = 1) COMMENT 'Became one app, or no longer is',
    from_app_key String COMMENT 'The app that goes under',
    to_app_key String COMMENT 'The app that it becomes part of',
    reason String COMMENT 'Why',
    decided_by String COMMENT 'Who decided',
    decided_at DateTime64(3, 'UTC') COMMENT 'When',
    _log_id UInt128 COMMENT 'The log of the record',
    _partition UInt32 COMMENT 'Its partition',
    _offset UInt64 COMMENT 'Its record',
    _index UInt16 COMMENT 'Its place in the record',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (tenant, from_app_key, _log_id, _partition, _offset, _index)
SETTINGS non_replicated_deduplication_window = 1000;

-- The merges in force: of each app that went under, the latest record. One merge may lead to another.
CREATE VIEW IF NOT EXISTS aliases_in_force AS
SELECT
    tenant,
    from_app_key,
    argMax(aliases.to_app_key, position) AS to_app_key,
    argMax(aliases.reason, position) AS reason,
    argMax(aliases.decided_by, position) AS decided_by,
    max(aliases.decided_at) AS decided_at
FROM (SELECT *, (decided_at, _offset, _index) AS position FROM aliases FINAL) AS aliases
GROUP BY tenant, from_app_key
HAVING argMax(aliases.action, position) = 'merge';
