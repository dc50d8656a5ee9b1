//! The one door to a ClickHouse server: inserts (see `insert`), questions and changes of the schema.
//!
//! Questions and migrations go through the `clickhouse` crate; values reach SQL only as server-side parameters (`{name:Type}`).

use std::time::Duration;

use clickhouse::RowOwned;
use hyper_tls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use native_tls::TlsConnector;
use serde::de::DeserializeOwned;

use crate::{
    Connection, StoreError,
    outcome::{cut, exception_code},
};

/// How long a question may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may take to be made. A server that is away must be known as away soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept: less than any server keeps it (3 s and more), so that no insert is sent into one that is being
/// closed, which would leave its end unknown. The `clickhouse` crate does the same.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a silent connection is asked whether it is still there, so that a question that takes long is not cut off on the way.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Bytes of a textual answer that are taken.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// A value for `{name:Type}` in a query, as text: `("tenant", "acme")`. The server reads it as the type that the query names.
pub type Parameter<'a> = (&'a str, &'a str);

/// A client of one database. Cloning it shares its connections.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
    url: reqwest::Url,
    http: reqwest::Client,
    queries: clickhouse::Client,
    tls: TlsConnector,
}

impl Client {
    /// A client that trusts the machine's authorities; nothing is sent yet.
    ///
    /// # Errors
    /// `StoreError::BadUrl` when the URL is none, `StoreError::Unreachable` when the HTTP client cannot be made on this machine.
    pub fn new(connection: Connection) -> Result<Client, StoreError> {
        let tls = TlsConnector::new().map_err(|source| unprepared(&connection, source.into()))?;
        Client::with_tls(connection, tls)
    }

    /// A client that trusts whom `tls` trusts. One trust for questions and inserts, or half of the work would be refused.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_tls(connection: Connection, tls: TlsConnector) -> Result<Client, StoreError> {
        let url = connection.parse_url()?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| unprepared(&connection, source.into()))?;
        let queries = query_client(&connection, tls.clone());
        Ok(Client { connection, url, http, queries, tls })
    }

    /// The same server and database, asked by another account.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_account(&self, user: &str, password: &str) -> Result<Client, StoreError> {
        let (user, password) = (user.to_owned(), password.to_owned());
        Client::with_tls(Connection { user, password, ..self.connection.clone() }, self.tls.clone())
    }

    /// Where this client asks.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Does the server answer?
    ///
    /// # Errors
    /// `StoreError` when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.run("asking whether the server is there", self.queries.query_raw("SELECT 1 FORMAT Null").execute()).await
    }

    /// Runs a statement that gives no rows.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow, or refuses it.
    pub async fn execute(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<(), StoreError> {
        let query = self.query(sql, parameters);
        self.run(doing, query.execute()).await
    }

    /// Answers a question in a text format of ClickHouse (`PrettyCompactMonoBlock`, `TabSeparated`, `JSONEachRow`, …), unless the SQL names
    /// one. The server runs it read-only: it can change neither data nor settings, and read no file.
    ///
    /// # Errors
    /// `StoreError` when the server cannot be reached, is too slow or refuses it, or when the answer is larger than 64 MiB.
    pub async fn query_text(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
        format: &str,
    ) -> Result<String, StoreError> {
        self.answer(self.query(sql, parameters).with_setting("readonly", "1"), format).await
    }

    /// As `query_text`, for questions that people type: the table of names has no rows for them, because only `reveal`, which is audited,
    /// may read it. A server with accounts keeps them out by its grants; this holds where there are none.
    ///
    /// # Errors
    /// As `query_text`; also `Refused` for the table function `merge`, which the filter of rows does not reach.
    pub async fn ask(&self, sql: &str, format: &str) -> Result<String, StoreError> {
        if calls_merge(sql) {
            let message = "the table function merge() is not allowed here; name the table".to_owned();
            return Err(StoreError::Refused { doing: "answering a question", code: 0, message });
        }
        let hidden = format!("{{'{}.identities':'0'}}", self.connection.database);
        let query = self.query(sql, &[]).with_setting("additional_table_filters", hidden);
        self.answer(query.with_setting("readonly", "1"), format).await
    }

    async fn answer(&self, query: clickhouse::query::Query, format: &str) -> Result<String, StoreError> {
        let doing = "answering a question";
        let mut cursor = query.fetch_bytes(format).map_err(|error| self.error(doing, error))?;
        let read = async {
            let mut text = Vec::new();
            while let Some(chunk) = cursor.next().await? {
                text.extend_from_slice(&chunk);
                if text.len() > TEXT_BYTES_MAX {
                    return Ok(None);
                }
            }
            Ok(Some(text))
        };
        let text = self.run(doing, read).await?.ok_or(StoreError::TooLarge { doing, limit_bytes: TEXT_BYTES_MAX })?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The rows of a question, as typed structs of this crate.
    pub(crate) async fn rows<T>(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<T>, StoreError>
    where
        T: RowOwned + DeserializeOwned,
    {
        let query = self.query(sql, parameters).with_setting("readonly", "1");
        self.run(doing, query.fetch_all::<T>()).await
    }

    /// Creates the database when it is not there. The name was checked when it was made.
    pub(crate) async fn create_database(&self) -> Result<(), StoreError> {
        let sql = format!("CREATE DATABASE IF NOT EXISTS {}", self.connection.database);
        self.run("creating the database", self.queries.query_raw(&sql).execute()).await
    }

    pub(crate) fn url(&self) -> &reqwest::Url {
        &self.url
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> clickhouse::query::Query {
        let queries = self.queries.clone().with_database(self.connection.database.as_str());
        parameters.iter().fold(queries.query_raw(sql), |query, (name, value)| query.param(name, value))
    }

    async fn run<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, clickhouse::error::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(QUERY_TIMEOUT, work).await {
            Err(_elapsed) => Err(StoreError::TooSlow { doing, limit_ms: QUERY_TIMEOUT.as_millis() }),
            Ok(result) => result.map_err(|error| self.error(doing, error)),
        }
    }

    fn error(&self, doing: &'static str, error: clickhouse::error::Error) -> StoreError {
        use clickhouse::error::Error;
        match error {
            Error::Network(source) => StoreError::Unreachable { doing, url: self.connection.url.clone(), source },
            Error::TimedOut => StoreError::TooSlow { doing, limit_ms: QUERY_TIMEOUT.as_millis() },
            Error::BadResponse(text) => {
                StoreError::Refused { doing, code: exception_code(&text).unwrap_or(0), message: cut(&text) }
            }
            other => StoreError::Refused { doing, code: 0, message: cut(&other.to_string()) },
        }
    }
}

/// The client of the `clickhouse` crate, on a connector of ours: its own would know no authority but the machine's.
fn query_client(connection: &Connection, tls: TlsConnector) -> clickhouse::Client {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    let http = HyperClient::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(HttpsConnector::from((connector, tls.into())));
    let queries = clickhouse::Client::with_http_client(http).with_url(&connection.url);
    if connection.user.is_empty() {
        return queries;
    }
    queries.with_user(&connection.user).with_password(&connection.password)
}

fn unprepared(connection: &Connection, source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Unreachable { doing: "preparing to talk to the database", url: connection.url.clone(), source }
}

/// Does a question call the table function `merge`? Texts and comments count, too: a question can be asked in other words.
fn calls_merge(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    lower.match_indices("merge").any(|(at, word)| {
        let rest = lower.get(at + word.len()..).unwrap_or_default();
        rest.trim_start_matches(|char: char| char.is_whitespace() || matches!(char, '`' | '"'))
            .starts_with(['(', '/', '-'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_is_found_however_it_is_written() {
        for sql in [
            "SELECT * FROM merge('d', 'x')",
            "FROM MERGE ('d','x')",
            "FROM `merge`('d')",
            "FROM merge/**/('d')",
            "FROM merge--\n('d')",
        ] {
            assert!(calls_merge(sql), "{sql}");
        }
        for sql in ["SELECT merged FROM events", "SELECT 1 FROM system.merges"] {
            assert!(!calls_merge(sql), "{sql}");
        }
    }
}
