-- Who uses what, how much and since when: kept by `sink` from each batch, without materialised views (they over-count after a retry and
-- can miss a block after a crash). Every merge is idempotent, so a batch that is sent again changes nothing. No TTL: what was seen first
-- must not be forgotten.

-- The set of people by app, department and day.
CREATE TABLE IF NOT EXISTS app_person_days
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    app_key LowCardinality(String) COMMENT 'The canonical app',
    department LowCardinality(String) COMMENT 'The person''s department on that day; empty: not known',
    day Date COMMENT 'The day of occurred_at, in UTC',
    user_key UInt64 COMMENT 'The person',
    first_used_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'First use of the day',
    last_used_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last use of the day'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, app_key, day, department, user_key)
SETTINGS non_replicated_deduplication_window = 10000;

-- The set of sessions by app, department and day.
CREATE TABLE IF NOT EXISTS app_sessions
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    app_key LowCardinality(String) COMMENT 'The canonical app',
    department LowCardinality(String) COMMENT 'The person''s department on that day; empty: not known',
    day Date COMMENT 'The day of occurred_at, in UTC',
    session_key UInt64 COMMENT 'Stable hash of the provider''s session id'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, app_key, day, department, session_key)
SETTINGS non_replicated_deduplication_window = 10000;

-- Counts by app, department and day. A count cannot be merged twice, so the start of its batch is part of the key: the same batch again
-- replaces its own counts.
CREATE TABLE IF NOT EXISTS app_days
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    app_key LowCardinality(String) COMMENT 'The canonical app',
    department LowCardinality(String) COMMENT 'The person''s department on that day; empty: not known',
    day Date COMMENT 'The day of occurred_at, in UTC',
    rows UInt64 COMMENT 'Rows of the batch: a second copy of an event counts',
    uses UInt64 COMMENT 'Of these, how many show use: sso, token_issued, token_use',
    grants UInt64 COMMENT 'Of these, how many are grants',
    failures UInt64 COMMENT 'Of these, how many failed or were denied',
    _log_id UInt128 COMMENT 'The log of the batch',
    _partition UInt32 COMMENT 'Its partition',
    _offset UInt64 COMMENT 'Its first record'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, app_key, day, department, _log_id, _partition, _offset)
SETTINGS non_replicated_deduplication_window = 10000;

-- The inventory: one row an app and tenant once merged.
CREATE TABLE IF NOT EXISTS apps
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    app_key LowCardinality(String) COMMENT 'The canonical app',
    name SimpleAggregateFunction(anyLast, String) COMMENT 'Name to show people',
    category SimpleAggregateFunction(anyLast, String) COMMENT 'What it is for; empty: the catalogue does not know it',
    is_first_party SimpleAggregateFunction(max, Bool) COMMENT 'The provider''s own app',
    app_refs SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Its references, as source:kind:id',
    first_seen_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'First event about it',
    last_seen_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last event about it'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, app_key)
SETTINGS non_replicated_deduplication_window = 10000;
