-- When each connection spoke, and when it could not: so that a figure of a day on which a source was silent is called partial, and no zero
-- is mistaken for "nobody did".

-- Gaps that `ingest` met: what a provider did not have any more when it was asked. Records of the log; the same again replaces itself.
CREATE TABLE IF NOT EXISTS source_gaps
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    connection LowCardinality(String) COMMENT 'The connection',
    feed LowCardinality(String) COMMENT 'The list of it that was polled',
    reason Enum8('gone' = 0, 'not_kept' = 1) COMMENT 'Why: listed and gone, or not fetched for longer than the provider keeps it',
    from_at DateTime64(3, 'UTC') COMMENT 'From when on something may be missing, by the provider''s clock',
    to_at DateTime64(3, 'UTC') COMMENT 'Up to when',
    detail String COMMENT 'What exactly',
    noted_at DateTime64(3, 'UTC') COMMENT 'When it was found',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (tenant, connection, feed, reason, from_at)
SETTINGS non_replicated_deduplication_window = 1000;

-- The hours of which a connection has told anything: derived by `sink` from each batch, like usage, with a merge that is idempotent. Hours
-- of occurred_at, so that a back-fill closes a silence by itself; events whose time was clamped do not count.
CREATE TABLE IF NOT EXISTS source_hours
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    connection LowCardinality(String) COMMENT 'The connection',
    hour DateTime64(3, 'UTC') COMMENT 'The hour of occurred_at',
    first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'First event of the hour',
    last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Last event of the hour'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, connection, hour)
SETTINGS non_replicated_deduplication_window = 10000;

-- More than twelve hours without an event, as the alert SilentSource has it. The last one of a connection may still go on. A quiet weekend
-- is listed, too: nobody can tell it from a source that is broken.
CREATE VIEW IF NOT EXISTS source_silences AS
SELECT tenant, connection, from_at, to_at, is_open
FROM
(
    SELECT
        tenant, connection, first_at AS to_at, false AS is_open,
        lagInFrame(last_at, 1, first_at) OVER (
            PARTITION BY tenant, connection ORDER BY hour ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS from_at
    FROM
    (
        SELECT tenant, connection, hour, min(source_hours.first_at) AS first_at, max(source_hours.last_at) AS last_at
        FROM source_hours
        GROUP BY tenant, connection, hour
    )
    UNION ALL
    SELECT tenant, connection, now64(3, 'UTC') AS to_at, true AS is_open, max(last_at) AS from_at
    FROM source_hours
    GROUP BY tenant, connection
)
WHERE dateDiff('millisecond', from_at, to_at) > 43200000;

-- Every time of which something may be missing, and why.
CREATE VIEW IF NOT EXISTS gaps AS
SELECT
    toString(tenant) AS tenant, toString(connection) AS connection, toString(feed) AS feed, toString(reason) AS reason,
    from_at, to_at, detail
FROM source_gaps FINAL
UNION ALL
SELECT
    toString(tenant) AS tenant, toString(connection) AS connection, '' AS feed, 'silent' AS reason,
    from_at, to_at, if(is_open, 'no event since', 'no event between') AS detail
FROM source_silences;

-- Each day since a tenant was first heard of: which connections told of it only in part. A day without any event has its line here.
CREATE VIEW IF NOT EXISTS usage_coverage AS
SELECT
    tenant,
    day,
    max(is_gap) AS is_partial,
    arraySort(groupUniqArrayIf(connection, is_gap)) AS partial_connections
FROM
(
    SELECT
        toString(tenant) AS tenant, toString(connection) AS connection, false AS is_gap,
        arrayJoin(arrayMap(
            number -> toDate(min(hour)) + number,
            range(toUInt64(greatest(dateDiff('day', toDate(min(hour)), toDate(now('UTC'))), 0) + 1)))) AS day
    FROM source_hours
    GROUP BY tenant, connection
    UNION ALL
    SELECT
        tenant, connection, true AS is_gap,
        arrayJoin(arrayMap(
            number -> toDate(from_at) + number,
            range(toUInt64(greatest(dateDiff('day', toDate(from_at), toDate(to_at)), 0) + 1)))) AS day
    FROM gaps
)
GROUP BY tenant, day;

-- Usage beside what is known of its day: a figure with is_partial is "at least".
CREATE VIEW IF NOT EXISTS usage_daily_covered AS
SELECT
    usage.tenant AS tenant, usage.app_key AS app_key, usage.department AS department, usage.day AS day,
    usage.people AS people, usage.sessions AS sessions, usage.uses AS uses,
    coverage.is_partial AS is_partial, coverage.partial_connections AS partial_connections
FROM usage_daily AS usage
LEFT JOIN usage_coverage AS coverage ON coverage.tenant = toString(usage.tenant) AND coverage.day = usage.day;
