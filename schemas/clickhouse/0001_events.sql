-- Every event, once per coordinate (_log_id, _partition, _offset, _index); what a sender sent twice stands here twice, with one event_id.
--
-- No column is Nullable: each comment names the value that stands for "not told". Closed sets are Enum8 with the domain's names in wire
-- order. Texts that repeat are LowCardinality, ids that do not are plain strings. A plain MergeTree: nothing deletes rows behind our back.
--
-- Months of received_at are the partitions, in UTC: one inserted block lies in one of them, because an insert is atomic only within a
-- partition. The deduplication window is what makes insert_deduplication_token work on a table that is not replicated; at its default
-- of 0 tokens are ignored without a word.

CREATE TABLE IF NOT EXISTS events
(
    event_id UInt128 COMMENT 'The same for every copy of this event: BLAKE3 of what the provider calls it' CODEC(NONE),
    tenant LowCardinality(String) COMMENT 'Our tenant: from the connection, never from the payload',
    source Enum8(
        'okta' = 0, 'google_workspace' = 1, 'entra' = 2, 'm365_ual' = 3, 'slack' = 4, 'github' = 5, 'auth0' = 6,
        'onelogin' = 7, 'dropbox' = 8, 'salesforce' = 9, 'mapped' = 10) COMMENT 'The identity provider',
    stream Enum8(
        'unknown' = 0, 'system_log' = 1, 'login' = 2, 'token' = 3, 'saml' = 4, 'admin' = 5, 'signin_interactive' = 6,
        'signin_noninteractive' = 7, 'signin_sp' = 8, 'audit' = 9) COMMENT 'Which of its logs',
    connection LowCardinality(String) COMMENT 'The configured connection that delivered it',
    provider_tenant LowCardinality(String) COMMENT 'Okta org host, Google customer id, Entra tenant id',
    kind Enum8(
        'login_success' = 0, 'login_failure' = 1, 'login_challenge' = 2, 'sso' = 3, 'oauth_grant' = 4,
        'oauth_revoke' = 5, 'oauth_denied' = 6, 'oauth_request' = 7, 'token_issued' = 8, 'token_use' = 9,
        'app_assigned' = 10, 'app_unassigned' = 11, 'app_registered' = 12, 'app_removed' = 13, 'policy_change' = 14,
        'other' = 15) COMMENT 'What it means',
    is_supporting Bool COMMENT 'A companion of a consent, joined with it by correlation_id',
    native_id String COMMENT 'The provider''s id; empty where it gives none' CODEC(ZSTD(1)),
    native_type LowCardinality(String) COMMENT 'The provider''s type, as delivered',
    correlation_id String COMMENT 'Shared by the events of one click; empty: not told' CODEC(ZSTD(1)),
    session_id String COMMENT 'The provider''s session; empty: not told' CODEC(ZSTD(1)),
    transaction_id String COMMENT 'The provider''s transaction; empty: not told' CODEC(ZSTD(1)),

    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened by the provider''s clock, clamped to received - 400 days .. received + 5 minutes' CODEC(Delta, LZ4),
    occurred_at_original_ms Int64 COMMENT 'What occurred_at was before it was clamped, in ms since 1970; 0: it was not clamped',
    available_at DateTime64(3, 'UTC') COMMENT 'When the provider published it; epoch: not told' CODEC(Delta, LZ4),
    received_at DateTime64(3, 'UTC') COMMENT 'When the delivery reached us' CODEC(Delta, LZ4),
    logged_at DateTime64(3, 'UTC') COMMENT 'When the log took it' CODEC(Delta, LZ4),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made' CODEC(Delta, LZ4),

    actor_type Enum8('unknown' = 0, 'user' = 1, 'app' = 2, 'system' = 3, 'admin' = 4) COMMENT 'Who acted',
    user_key UInt64 COMMENT 'Pseudonym of the person whose access is concerned; 0: nobody known' CODEC(NONE),
    actor_key UInt64 COMMENT 'Pseudonym of the person who acted, where that is another; 0: nobody else',
    department LowCardinality(String) COMMENT 'The person''s department at event time; empty: not known',

    app_key LowCardinality(String) COMMENT 'The canonical app; empty: the event concerns none',
    app_id_kind Enum8('none' = 0, 'client_id' = 1, 'app_id' = 2, 'object_id' = 3, 'label' = 4) COMMENT 'What kind of id app_native_id is',
    app_native_id LowCardinality(String) COMMENT 'The provider''s id of the app; empty: none',
    app_name LowCardinality(String) COMMENT 'The app''s name as delivered: never an identity, unless an administrator set it',
    app_object_id LowCardinality(String) COMMENT 'The app''s tenant-local object; empty: none beside the id',
    app_kind Enum8(
        'unknown' = 0, 'saml' = 1, 'oidc' = 2, 'swa' = 3, 'web' = 4, 'native' = 5, 'service' = 6, 'first_party' = 7) COMMENT 'How the app is built',
    category LowCardinality(String) COMMENT 'What the app is for; empty: the catalogue does not know it',
    status Enum8(
        'unreviewed' = 0, 'in_review' = 1, 'sanctioned' = 2, 'tolerated' = 3, 'unsanctioned' = 4, 'blocked' = 5) COMMENT 'What IT had decided when this row was made',
    is_first_party Bool COMMENT 'The provider''s own app',

    scopes LowCardinality(String) COMMENT 'What was granted: bare tokens, sorted, distinct, joined by spaces',
    scopes_added LowCardinality(String) COMMENT 'What is new in it; empty: nothing, or not known',
    scopes_removed LowCardinality(String) COMMENT 'What went away; empty: nothing, or not known',
    resources LowCardinality(String) COMMENT 'The APIs concerned, in the same form',
    consent_type Enum8('unknown' = 0, 'user' = 1, 'admin_self' = 2, 'tenant_wide' = 3, 'application' = 4) COMMENT 'For whom the consent speaks',
    grant_id String COMMENT 'The provider''s id of the grant; empty: none' CODEC(ZSTD(1)),
    grant_risk Enum8('none' = 0, 'low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4) COMMENT 'What the grant amounts to; none: no grant',

    outcome Enum8('unknown' = 0, 'success' = 1, 'failure' = 2, 'denied' = 3, 'challenge' = 4) COMMENT 'How it ended',
    outcome_code LowCardinality(String) COMMENT 'The provider''s code; empty: none',
    outcome_reason LowCardinality(String) COMMENT 'The provider''s words; empty: none',
    auth_method LowCardinality(String) COMMENT 'How the person proved who they are; empty: not told',
    is_mfa Bool COMMENT 'Was a second factor used?',
    auth_protocol LowCardinality(String) COMMENT 'The protocol, as delivered; empty: not told',

    ip IPv6 COMMENT 'The client''s address, IPv4 mapped; ::: not told',
    asn UInt32 COMMENT 'Autonomous system number; 0: not told',
    as_org LowCardinality(String) COMMENT 'Autonomous system''s organisation; empty: not told',
    is_proxy Bool COMMENT 'Does the provider call the address a proxy?',
    country LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2, upper case; empty: not told',
    city LowCardinality(String) COMMENT 'City, as delivered; empty: not told',
    user_agent LowCardinality(String) COMMENT 'User agent, cut at the limit; empty: not told',
    ua_os LowCardinality(String) COMMENT 'Operating system; empty: not told',
    ua_browser LowCardinality(String) COMMENT 'Browser; empty: not told',

    parse_warnings UInt32 COMMENT 'What the parser noticed: the warning at index i of the closed set is bit i',
    is_backfill Bool COMMENT 'Imported history: teaches, and does not page',
    tables_version LowCardinality(String) COMMENT 'Version of the tables that enrichment used',

    _log_id UInt128 COMMENT 'The log: Kafka''s topic id, or the one that the embedded log made',
    _partition UInt32 COMMENT 'The partition of the topic',
    _offset UInt64 COMMENT 'The record in the partition' CODEC(Delta, LZ4),
    _index UInt16 COMMENT 'The event in the record, from 0' CODEC(Delta, LZ4),

    -- Reading back what a range of the log has become must not scan a month: each part holds narrow ranges.
    INDEX coordinates (_log_id, _partition, _offset) TYPE minmax GRANULARITY 64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (tenant, app_key, occurred_at)
SETTINGS
    non_replicated_deduplication_window = 10000,
    -- Below this a part is one file: fewer files a flush, cheaper merges (measured).
    min_bytes_for_wide_part = 268435456;
