-- What could not be read, for 14 days. Restricted (see access/): the text of an event holds names. The same bytes from the same connection
-- are one dead letter, however often they are sent: ask with FINAL.

CREATE TABLE IF NOT EXISTS dead_letters
(
    dead_letter_id UInt128 COMMENT 'Of the connection and the SHA-256 of the rejected bytes',
    tenant LowCardinality(String) COMMENT 'The tenant whose connection delivered it',
    connection LowCardinality(String) COMMENT 'The connection that delivered it',
    reason Enum8(
        'bad_json' = 0, 'not_an_event' = 1, 'missing_field' = 2, 'bad_field' = 3, 'bad_time' = 4, 'too_large' = 5,
        'too_deep' = 6, 'wrong_tenant' = 7, 'too_many' = 8, 'refused_by_table' = 9, 'bad_record' = 10) COMMENT 'Why',
    detail String COMMENT 'What exactly, with nothing of the payload but field names and positions',
    origin String COMMENT 'Where it came from',
    received_at DateTime64(3, 'UTC') COMMENT 'When the delivery reached us',
    scrubbed String COMMENT 'The text less known secrets and typed passwords; cut at the limit' CODEC(ZSTD(3)),
    sha256 FixedString(32) COMMENT 'SHA-256 of the rejected bytes, before scrubbing',
    is_redrivable Bool COMMENT 'Can redrive put it through again? Not where strings were masked or the text was cut',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was made'
)
ENGINE = ReplacingMergeTree(inserted_at)
ORDER BY (tenant, dead_letter_id)
TTL toDateTime(received_at) + INTERVAL 14 DAY
SETTINGS non_replicated_deduplication_window = 1000;
