-- Every alert episode. `detect` may produce an alert again after a restart, with the same id and the same content: the copy replaces
-- itself, so ask with FINAL.

CREATE TABLE IF NOT EXISTS alerts
(
    alert_id UInt128 COMMENT 'Of tenant, rule, subject and episode: the same in every replay',
    tenant LowCardinality(String) COMMENT 'Our tenant',
    rule LowCardinality(String) COMMENT 'The rule''s id',
    rule_version UInt16 COMMENT 'The rule''s version: no part of the alert''s id',
    severity Enum8('info' = 0, 'low' = 1, 'medium' = 2, 'high' = 3, 'critical' = 4) COMMENT 'How loud',
    state Enum8('raised' = 0, 'muted' = 1) COMMENT 'Delivered, or only recorded while a connection is learning',
    score UInt8 COMMENT '0 to 100: the sum of the factors, within these borders',
    factor_names Array(String) COMMENT 'What adds up to the score',
    factor_points Array(Int16) COMMENT 'What each of them adds',
    title String COMMENT 'One sentence: who did what with which app',
    description String COMMENT 'Why it matters and what to do',
    subject String COMMENT 'What the episode is about, as hashed into the id',
    episode String COMMENT 'The value that opened it, as hashed into the id',
    app_key LowCardinality(String) COMMENT 'The canonical app; empty: about none',
    app_ref LowCardinality(String) COMMENT 'source:kind:id; empty: about none',
    app_name LowCardinality(String) COMMENT 'The app''s name as delivered',
    looks_like LowCardinality(String) COMMENT 'A well-known name that it only resembles; empty: none',
    user_key UInt64 COMMENT 'The person; 0: about none',
    department LowCardinality(String) COMMENT 'The person''s department at event time; empty: not known',
    people UInt32 COMMENT 'How many people had met the app at that position',
    evidence Array(UInt128) COMMENT 'The event_ids that opened it',
    evidence_query String COMMENT 'A query that returns exactly those rows',
    alternative LowCardinality(String) COMMENT 'The sanctioned app of the same category; empty: none',
    prevention LowCardinality(String) COMMENT 'What would have prevented it; empty: nothing known',
    technique LowCardinality(String) COMMENT 'MITRE ATT&CK technique; empty: none fits',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When the opening event happened',
    received_at DateTime64(3, 'UTC') COMMENT 'When the opening event reached us',
    logged_at DateTime64(3, 'UTC') COMMENT 'When the log took the opening event',
    is_late Bool COMMENT 'Did it come later than its source usually is?',
    tables_version LowCardinality(String) COMMENT 'Version of the tables that the verdict used',
    _log_id UInt128 COMMENT 'The log of the opening event',
    _partition UInt32 COMMENT 'Its partition',
    _offset UInt64 COMMENT 'Its record',
    _index UInt16 COMMENT 'Its place in the record',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (tenant, alert_id)
SETTINGS non_replicated_deduplication_window = 1000;
