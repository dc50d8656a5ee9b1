-- What is expected of each connection: how long it may be silent is its own setting, and one that never spoke is missed from the day on which
-- it was configured. The records are `ingest`'s; the sink has no configuration of connections.

CREATE TABLE IF NOT EXISTS source_expectations
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    connection LowCardinality(String) COMMENT 'The connection',
    since DateTime64(3, 'UTC') COMMENT 'Since when it is configured',
    silent_after_ms Int64 COMMENT 'A pause that is longer is a silence, in milliseconds; 0 where nothing is expected',
    heard_at DateTime64(3, 'UTC') COMMENT 'When it last delivered a native event, history aside, to the nearest minutes; 1970 when it never has',
    noted_at DateTime64(3, 'UTC') COMMENT 'When this was written',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY (tenant, connection)
SETTINGS non_replicated_deduplication_window = 1000;

-- Pauses that are longer than the connection's own patience, which the alert SilentSource has, too; twelve hours where nobody has told it. The
-- first begins when the connection was configured, the last one may still go on. A quiet weekend is listed, too: nobody can tell it from a
-- source that is broken. A connection that was never heard is silent from its first moment on, however patient we are: nothing shows yet that
-- it works.
CREATE OR REPLACE VIEW source_silences AS
WITH
    expected AS
    (
        SELECT tenant, connection, since, silent_after_ms, heard_at, true AS is_told
        FROM source_expectations FINAL
    ),
    hours AS
    (
        SELECT tenant, connection, hour, min(source_hours.first_at) AS first_at, max(source_hours.last_at) AS last_at
        FROM source_hours
        GROUP BY tenant, connection, hour
    )
SELECT tenant, connection, from_at, to_at, is_open, is_never
FROM
(
    SELECT
        hours.tenant AS tenant, hours.connection AS connection, hours.first_at AS to_at, false AS is_open, false AS is_never,
        if(expected.is_told, expected.silent_after_ms, 43200000) AS silent_after_ms,
        lagInFrame(hours.last_at, 1, if(expected.is_told, least(expected.since, hours.first_at), hours.first_at)) OVER (
            PARTITION BY hours.tenant, hours.connection ORDER BY hours.hour ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS from_at
    FROM hours
    LEFT JOIN expected ON expected.tenant = hours.tenant AND expected.connection = hours.connection
    UNION ALL
    SELECT
        last.tenant AS tenant, last.connection AS connection, now64(3, 'UTC') AS to_at, true AS is_open, false AS is_never,
        if(expected.is_told, expected.silent_after_ms, 43200000) AS silent_after_ms,
        last.last_at AS from_at
    FROM (SELECT tenant, connection, max(hours.last_at) AS last_at FROM hours GROUP BY tenant, connection) AS last
    LEFT JOIN expected ON expected.tenant = last.tenant AND expected.connection = last.connection
    UNION ALL
    SELECT
        tenant, connection, now64(3, 'UTC') AS to_at, true AS is_open, toUnixTimestamp64Milli(heard_at) = 0 AS is_never,
        silent_after_ms,
        if(is_never, since, heard_at) AS from_at
    FROM expected
    WHERE (tenant, connection) NOT IN (SELECT tenant, connection FROM source_hours)
)
WHERE silent_after_ms > 0 AND (is_never OR dateDiff('millisecond', from_at, to_at) > silent_after_ms);

-- Every time of which something may be missing, and why. A gap that was filled is told again with no length, and is none any more.
CREATE OR REPLACE VIEW gaps AS
SELECT
    toString(tenant) AS tenant, toString(connection) AS connection, toString(feed) AS feed, toString(reason) AS reason,
    from_at, to_at, detail
FROM source_gaps FINAL
WHERE to_at > from_at
UNION ALL
SELECT
    toString(tenant) AS tenant, toString(connection) AS connection, '' AS feed, if(is_never, 'never', 'silent') AS reason,
    from_at, to_at,
    multiIf(is_never, 'no event since it was configured', is_open, 'no event since', 'no event between') AS detail
FROM source_silences;
