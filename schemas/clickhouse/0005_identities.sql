-- The one place where a pseudonym meets a name. Restricted (see access/): only `reveal` reads it, and erasure deletes the row.

CREATE TABLE IF NOT EXISTS identities
(
    tenant LowCardinality(String) COMMENT 'Our tenant',
    user_key UInt64 COMMENT 'The pseudonym',
    source Enum8(
        'okta' = 0, 'google_workspace' = 1, 'entra' = 2, 'm365_ual' = 3, 'slack' = 4, 'github' = 5, 'auth0' = 6,
        'onelogin' = 7, 'dropbox' = 8, 'salesforce' = 9, 'mapped' = 10) COMMENT 'The source that told',
    native_id String COMMENT 'The source''s own id of the person; empty: not told',
    email String COMMENT 'E-mail, lower case; empty: not told',
    display_name String COMMENT 'Name as displayed; empty: not told',
    seen_at DateTime64(3, 'UTC') COMMENT 'When we heard it: the latest replaces the earlier'
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (tenant, user_key, source, native_id)
SETTINGS non_replicated_deduplication_window = 1000;
