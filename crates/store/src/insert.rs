//! The one INSERT of the hot path: a whole block as one body with its length, under one deadline, with every setting that the promise of
//! exactly once rests on said in the request. ClickHouse's defaults move: since 2026 `async_insert` is on, and `deduplicate_insert` decides what
//! `insert_deduplicate` did. A server that does not know a setting refuses the insert: then it is older than we can promise anything about.
//!
//! Not the `clickhouse` crate: its inserters send chunked bodies, and a half-sent one can be committed in part.

use std::time::Duration;

use crate::{
    AppPersonDaysBlock, AppSessionsBlock, Client, ColumnType, EncodedBlock,
    outcome::{InsertOutcome, classify, cut},
};

/// Bytes of an answer that are read: an exception's words, never rows.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Is the token to be believed?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deduplication {
    /// The same token stores its rows once: for tables that count rows.
    ByToken,
    /// Stored however often it is sent: for tables whose merge makes second copies one, where the token may be known and its rows lost.
    Off,
}

/// What every insert says about itself, whatever the server's defaults or the account's profile are.
const SETTINGS: &[(&str, &str)] = &[
    // One request, one part, stored when it is answered.
    ("async_insert", "0"),
    ("wait_end_of_query", "1"),
    ("max_insert_threads", "1"),
    ("max_threads", "1"),
    // A block is one part, so it is stored as a whole or not at all: these are the defaults of the engine, and more than a batch holds.
    ("max_insert_block_size", "1048449"),
    ("min_insert_block_size_rows", "1048449"),
    ("min_insert_block_size_bytes", "268402944"),
    // An attempt that still runs is never cut short by its repetition: the repetition is refused, and comes again.
    ("replace_running_query", "0"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    // The block's types are the table's: a difference is our mistake, and must not be converted in silence.
    ("input_format_native_allow_types_conversion", "0"),
    // A block touches one month, and the usage tables at most the 400 days that a late event may be old.
    ("max_partitions_per_insert_block", "20"),
    ("throw_on_max_partitions_per_insert_block", "1"),
    // The status and the header tell how it ended, so nothing may be written before it has ended.
    ("send_progress_in_http_headers", "0"),
    ("http_write_exception_in_output_format", "0"),
];

/// Tables whose blocks hold each key once, because they are made as sets. The server would merge a block with itself before it stores it
/// (`optimize_on_insert`) and find nothing: half of what such an insert cost.
const MADE_AS_SETS: &[&str] = &[AppPersonDaysBlock::TABLE, AppSessionsBlock::TABLE];

impl Client {
    /// Sends a block once and tells what became of it. `token` names the rows in it: the same token twice stores them once, so it must
    /// name the same rows for ever. A block without rows is clean without being sent.
    ///
    /// The time-out is for the whole request; when it passes, the end is ambiguous.
    pub async fn insert(
        &self,
        block: &EncodedBlock,
        token: &str,
        deduplication: Deduplication,
        timeout: Duration,
    ) -> InsertOutcome {
        if block.rows == 0 {
            return InsertOutcome::Clean;
        }
        match self.post(block, token, deduplication, timeout).await {
            Ok(outcome) => outcome,
            Err(error) => InsertOutcome::Ambiguous { code: 0, reason: no_answer(&error, timeout) },
        }
    }

    async fn post(
        &self,
        block: &EncodedBlock,
        token: &str,
        deduplication: Deduplication,
        timeout: Duration,
    ) -> Result<InsertOutcome, reqwest::Error> {
        let mut response = self.post_request(block, token, deduplication).timeout(timeout).send().await?;
        let status = response.status().as_u16();
        let code = response
            .headers()
            .get("x-clickhouse-exception-code")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse().ok());
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = ANSWER_BYTES_MAX.saturating_sub(answer.len());
            answer.extend(chunk.iter().take(room));
        }
        Ok(classify(status, code, &String::from_utf8_lossy(&answer)))
    }

    fn post_request(&self, block: &EncodedBlock, token: &str, deduplication: Deduplication) -> reqwest::RequestBuilder {
        let connection = self.connection();
        let query = insert_query(block.table, block.columns);
        let mut parameters = vec![
            ("database", connection.database.as_str().to_owned()),
            ("query", query),
            ("query_id", query_id(block.table, token)),
            ("insert_deduplication_token", token.to_owned()),
        ];
        // `deduplicate_insert` overrides `insert_deduplicate` since 2026, and is on by default: both are said, or a profile would decide.
        let (mode, flag) = match deduplication {
            Deduplication::ByToken => ("enable", "1"),
            Deduplication::Off => ("disable", "0"),
        };
        parameters.extend([("deduplicate_insert", mode.to_owned()), ("insert_deduplicate", flag.to_owned())]);
        let is_merged_with_itself = !MADE_AS_SETS.contains(&block.table);
        parameters.push(("optimize_on_insert", u8::from(is_merged_with_itself).to_string()));
        parameters.extend(SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned())));
        // A body of known bytes: its length goes ahead of it, and it can be sent again without being copied.
        let mut url = self.url().clone();
        url.query_pairs_mut().extend_pairs(parameters);
        let request = self.http().post(url).body(block.body.clone());
        if connection.user.is_empty() {
            return request;
        }
        request.header("X-ClickHouse-User", &connection.user).header("X-ClickHouse-Key", &connection.password)
    }
}

/// The id under which the server knows an insert: table and token, with everything but letters, digits and `-/_.` made `_`. Only one
/// query of an id runs at a time, so a block that is sent again while the first attempt still runs is refused, not stored twice; and the
/// blocks of one batch, which share a token, must not meet.
#[must_use]
pub fn query_id(table: &str, token: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '/' | '_' | '.');
    format!("{table}/{token}").chars().map(|char| if is_plain(char) { char } else { '_' }).collect()
}

fn insert_query(table: &str, columns: &[ColumnType]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    format!("INSERT INTO {table} ({}) FORMAT Native", names.join(", "))
}

/// Why there was no answer, in words without the URL: it holds the query.
fn no_answer(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} ms", timeout.as_millis());
    }
    let mut words = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !words.is_empty() {
            words.push_str(": ");
        }
        words.push_str(&error.to_string());
        cause = error.source();
    }
    format!("no answer: {}", cut(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_names_its_columns() {
        let columns = [ColumnType { name: "a", type_name: "UInt8" }, ColumnType { name: "_b", type_name: "UInt8" }];
        assert_eq!(insert_query("events", &columns), "INSERT INTO events (a, _b) FORMAT Native");
    }

    #[test]
    fn a_query_id_is_table_and_token_in_plain_letters() {
        assert_eq!(query_id("events", "0af/3/10-20/r1"), "events/0af/3/10-20/r1");
        assert_eq!(query_id("apps", "a b'\n"), "apps/a_b__");
        assert_ne!(
            query_id("apps", "0af/3/10-20"),
            query_id("app_days", "0af/3/10-20"),
            "blocks of one batch must not meet"
        );
    }
}
