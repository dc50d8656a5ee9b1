-- Roles and row policies for a ClickHouse server with accounts.
--
-- UNTESTED HERE: the embedded server runs as `clickhouse local`, which refuses CREATE USER and CREATE ROLE, so no test of this repository
-- has run this file. Read it before you do. It is not a migration: an administrator runs it once, after `daylight` has made the tables,
-- with the database's name put in where it says `daylight`:
--
--     clickhouse client --user admin --multiquery < roles.sql
--
-- Accounts are not made here, because they come with passwords. Make them with the server's own means and grant a role to each:
--     CREATE USER sink IDENTIFIED WITH sha256_password BY '...' DEFAULT ROLE ingest_writer;
--
-- What each may do, and no more:
--   migrator       makes and widens tables: start `daylight sink` once under it after each update, and then under its own account, where it finds
--                  nothing to make and asks for no more than the next one has
--   ingest_writer  what `sink` needs: inserts, reading back what it has inserted, and mending it when somebody asks for that
--   reader         questions of people about a tenant's apps: no names, no texts of events
--   grafana        the same for dashboards, bounded in time and memory
--   revealer       `daylight reveal`, and erasure (not built yet): the only one that sees names

CREATE ROLE IF NOT EXISTS migrator;
CREATE ROLE IF NOT EXISTS ingest_writer;
CREATE ROLE IF NOT EXISTS reader SETTINGS readonly = 2;
CREATE ROLE IF NOT EXISTS grafana SETTINGS readonly = 2, max_execution_time = 30, max_memory_usage = 2000000000, max_result_rows = 100000;
CREATE ROLE IF NOT EXISTS revealer;

GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, ALTER TABLE, SELECT, INSERT ON daylight.* TO migrator;

GRANT INSERT ON daylight.* TO ingest_writer;
REVOKE INSERT ON daylight.schema_migrations FROM ingest_writer;
GRANT SELECT ON daylight.schema_migrations TO ingest_writer;
-- Reading back coordinates, and nothing that names a person or holds the text of an event.
GRANT SELECT(event_id, received_at, _log_id, _partition, _offset, _index) ON daylight.events TO ingest_writer;
-- What `verify` and `reconcile` compare with usage and inventory, and what they mend: no names of people, no texts.
GRANT SELECT(tenant, source, kind, outcome, occurred_at, user_key, session_id, department, app_key, app_id_kind, app_native_id, app_name, app_kind, category, is_first_party) ON daylight.events TO ingest_writer;
-- What `ledger rebuild --from clickhouse` reads beside these.
GRANT SELECT(logged_at, connection, is_supporting, correlation_id, actor_type, actor_key, app_object_id, scopes, consent_type, is_backfill) ON daylight.events TO ingest_writer;
-- What `daylight apps`, `connections status` and `ledger rebuild --from clickhouse` ask through it.
GRANT SELECT ON daylight.alerts TO ingest_writer;
GRANT SELECT ON daylight.decisions TO ingest_writer;
GRANT SELECT ON daylight.aliases TO ingest_writer;
GRANT SELECT ON daylight.decisions_in_force TO ingest_writer;
GRANT SELECT ON daylight.aliases_in_force TO ingest_writer;
GRANT SELECT ON daylight.app_inventory TO ingest_writer;
GRANT SELECT ON daylight.source_gaps TO ingest_writer;
GRANT SELECT ON daylight.source_hours TO ingest_writer;
GRANT SELECT ON daylight.source_expectations TO ingest_writer;
GRANT SELECT ON daylight.source_silences TO ingest_writer;
GRANT SELECT ON daylight.gaps TO ingest_writer;
GRANT SELECT ON daylight.usage_coverage TO ingest_writer;
GRANT SELECT ON daylight.apps TO ingest_writer;
GRANT SELECT ON daylight.app_days TO ingest_writer;
GRANT SELECT ON daylight.app_sessions TO ingest_writer;
GRANT SELECT ON daylight.app_person_days TO ingest_writer;
GRANT ALTER DELETE ON daylight.events TO ingest_writer;
GRANT ALTER DELETE ON daylight.apps TO ingest_writer;
GRANT ALTER DELETE ON daylight.app_sessions TO ingest_writer;
GRANT ALTER DELETE ON daylight.app_person_days TO ingest_writer;

GRANT SELECT ON daylight.events TO reader, grafana;
GRANT SELECT ON daylight.alerts TO reader, grafana;
GRANT SELECT ON daylight.decisions TO reader, grafana;
GRANT SELECT ON daylight.aliases TO reader, grafana;
GRANT SELECT ON daylight.apps TO reader, grafana;
GRANT SELECT ON daylight.app_days TO reader, grafana;
GRANT SELECT ON daylight.app_sessions TO reader, grafana;
GRANT SELECT ON daylight.app_person_days TO reader, grafana;
GRANT SELECT ON daylight.usage_daily TO reader, grafana;
GRANT SELECT ON daylight.app_inventory TO reader, grafana;
GRANT SELECT ON daylight.decisions_in_force TO reader, grafana;
GRANT SELECT ON daylight.aliases_in_force TO reader, grafana;
GRANT SELECT ON daylight.source_gaps TO reader, grafana;
GRANT SELECT ON daylight.source_hours TO reader, grafana;
GRANT SELECT ON daylight.source_expectations TO reader, grafana;
GRANT SELECT ON daylight.source_silences TO reader, grafana;
GRANT SELECT ON daylight.gaps TO reader, grafana;
GRANT SELECT ON daylight.usage_coverage TO reader, grafana;
GRANT SELECT ON daylight.usage_daily_covered TO reader, grafana;
-- Of a dead letter its reason, what is wrong and its origin, never its text.
GRANT SELECT(dead_letter_id, tenant, connection, reason, detail, origin, received_at, is_redrivable, redriven_at) ON daylight.dead_letters TO reader, grafana;
GRANT SELECT ON daylight.dead_letters_open TO reader, grafana;

GRANT SELECT, ALTER DELETE ON daylight.identities TO revealer;
GRANT SELECT, INSERT ON daylight.reveals TO revealer;

-- An account sees the tenants that are granted to it as roles `tenant_<id>`, and nothing of the others. The writer and the migrator see all.
-- For each tenant, once per table (the tenant `acme` as the example):
--     CREATE ROLE IF NOT EXISTS tenant_acme;
--     CREATE ROW POLICY IF NOT EXISTS tenant_acme ON daylight.events USING tenant = 'acme' TO tenant_acme;
-- The policies below make sure that a reader without any tenant role sees no row at all. They need
-- `users_without_row_policies_can_read_rows = false` in the server's configuration (`access_control_improvements`) to hold for a table that
-- is added later.
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.events USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.alerts USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.decisions USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.aliases USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.apps USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.app_days USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.app_sessions USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.app_person_days USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.source_gaps USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.source_hours USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.source_expectations USING 1 TO ingest_writer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.dead_letters USING 1 TO migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.identities USING 1 TO revealer, migrator;
CREATE ROW POLICY IF NOT EXISTS all_tenants ON daylight.reveals USING 1 TO revealer, migrator;
