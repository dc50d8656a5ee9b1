-- What IT decided, with its whole history, and who looked behind a pseudonym. Both are records of the log: their coordinates are part of
-- the key, so that the same record again replaces itself.

CREATE TABLE IF NOT EXISTS decisions
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    app_key LowCardinality(String) COMMENT 'The canonical app',
    app_refs Array(String) COMMENT 'The references known when it was made, as source:kind:id',
    status Enum8('unreviewed' = 0, 'in_review' = 1, 'sanctioned' = 2, 'tolerated' = 3, 'unsanctioned' = 4, 'blocked' = 5) COMMENT 'The new state',
    previous Enum8('unreviewed' = 0, 'in_review' = 1, 'sanctioned' = 2, 'tolerated' = 3, 'unsanctioned' = 4, 'blocked' = 5) COMMENT 'The state that it replaces',
    department LowCardinality(String) COMMENT 'Only for this department; empty: for all',
    owner String COMMENT 'Who answers for the app; empty: nobody named',
    reason String COMMENT 'Why',
    decided_by String COMMENT 'Who decided',
    decided_at DateTime64(3, 'UTC') COMMENT 'When',
    expires_at DateTime64(3, 'UTC') COMMENT 'When it ends; epoch: never',
    _log_id UInt128 COMMENT 'The log of the record',
    _partition UInt32 COMMENT 'Its partition',
    _offset UInt64 COMMENT 'Its record',
    _index UInt16 COMMENT 'Its place in the record',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (tenant, app_key, _log_id, _partition, _offset, _index)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS reveals
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    user_key UInt64 COMMENT 'Whose name was asked for',
    reason String COMMENT 'Why',
    revealed_by String COMMENT 'Who asked',
    revealed_at DateTime64(3, 'UTC') COMMENT 'When',
    _log_id UInt128 COMMENT 'The log of the record',
    _partition UInt32 COMMENT 'Its partition',
    _offset UInt64 COMMENT 'Its record',
    _index UInt16 COMMENT 'Its place in the record',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (tenant, _log_id, _partition, _offset, _index)
SETTINGS non_replicated_deduplication_window = 1000;
