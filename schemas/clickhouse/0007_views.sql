-- What people ask for every day, as plain views: they cost nothing when rows are stored, and each merges what the tables have not
-- merged yet. Nothing here scans `events`.

-- People, sessions and counts by app, department and day.
CREATE VIEW IF NOT EXISTS usage_daily AS
SELECT
    tenant,
    app_key,
    department,
    day,
    sum(people) AS people,
    sum(sessions) AS sessions,
    sum(uses) AS uses,
    min(first_at) AS first_used_at,
    max(last_at) AS last_used_at
FROM
(
    SELECT
        tenant, app_key, department, day,
        uniqExact(user_key) AS people, 0 AS sessions, 0 AS uses,
        min(first_used_at) AS first_at, max(last_used_at) AS last_at
    FROM app_person_days
    GROUP BY tenant, app_key, department, day
    UNION ALL
    SELECT
        tenant, app_key, department, day,
        0 AS people, uniqExact(session_key) AS sessions, 0 AS uses,
        toDateTime64('2299-12-31 23:59:59', 3, 'UTC') AS first_at, toDateTime64(0, 3, 'UTC') AS last_at
    FROM app_sessions
    GROUP BY tenant, app_key, department, day
    UNION ALL
    SELECT
        tenant, app_key, department, day,
        0 AS people, 0 AS sessions, sum(app_days.uses) AS uses,
        toDateTime64('2299-12-31 23:59:59', 3, 'UTC') AS first_at, toDateTime64(0, 3, 'UTC') AS last_at
    FROM app_days FINAL
    GROUP BY tenant, app_key, department, day
)
GROUP BY tenant, app_key, department, day
-- A day on which an app was only asked for or refused is a day without use.
HAVING people > 0;

-- The decision in force for a whole tenant, by app: the latest that binds every department and has not expired.
CREATE VIEW IF NOT EXISTS decisions_in_force AS
SELECT
    tenant,
    app_key,
    argMax(decisions.status, position) AS status,
    argMax(decisions.owner, position) AS owner,
    argMax(decisions.reason, position) AS reason,
    max(decisions.decided_at) AS decided_at
FROM
(
    SELECT *, (decided_at, _offset, _index) AS position
    FROM decisions FINAL
    WHERE department = ''
) AS decisions
GROUP BY tenant, app_key
HAVING argMax(decisions.expires_at, position) = toDateTime64(0, 3, 'UTC')
    OR argMax(decisions.expires_at, position) > now64(3);

-- The inventory with its standing: what is known of each app, and what IT has decided.
CREATE VIEW IF NOT EXISTS app_inventory AS
SELECT
    apps.tenant AS tenant,
    apps.app_key AS app_key,
    anyLast(apps.name) AS name,
    anyLast(apps.category) AS category,
    max(apps.is_first_party) AS is_first_party,
    groupUniqArrayArray(apps.app_refs) AS app_refs,
    min(apps.first_seen_at) AS first_seen_at,
    max(apps.last_seen_at) AS last_seen_at,
    -- A missing match gives the default of the type, which is `unreviewed`, the first of the set.
    any(decision.status) AS status,
    any(decision.owner) AS owner
FROM apps
LEFT JOIN decisions_in_force AS decision ON decision.tenant = apps.tenant AND decision.app_key = apps.app_key
GROUP BY tenant, app_key;
