//! Where a database is and who asks it.

use std::fmt;

use crate::StoreError;

/// Characters that a database name may have at most.
const DATABASE_NAME_CHARS_MAX: usize = 63;

/// The name of a database: lower-case letters, digits and underscores, beginning with a letter. Names cannot be server-side parameters
/// in every statement, so this type is what makes it safe to write one into SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseName(String);

/// A name that is no database name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} cannot name a database: use 1 to {DATABASE_NAME_CHARS_MAX} lower-case letters, digits and underscores, beginning with a letter"
)]
pub struct BadName {
    /// The name.
    pub name: String,
}

impl DatabaseName {
    /// Checks a name.
    ///
    /// # Errors
    /// `BadName` when it holds anything else than the type allows.
    pub fn parse(name: &str) -> Result<DatabaseName, BadName> {
        let begins_well = name.starts_with(|first: char| first.is_ascii_lowercase());
        let holds_well = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !begins_well || !holds_well || name.len() > DATABASE_NAME_CHARS_MAX {
            return Err(BadName { name: name.chars().take(DATABASE_NAME_CHARS_MAX).collect() });
        }
        Ok(DatabaseName(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server, a database in it, and the account that asks. Prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// `http://host:port`, or `https://host:port`. With credentials in it, it is refused: they would end in logs.
    pub url: String,
    /// The database that holds our tables.
    pub database: DatabaseName,
    /// The account; empty for the server's default.
    pub user: String,
    /// Its password; empty for none. Sent in a header, never in a URL.
    pub password: String,
}

impl Connection {
    /// The URL, checked.
    pub(crate) fn parse_url(&self) -> Result<reqwest::Url, StoreError> {
        let url = reqwest::Url::parse(&self.url)
            .map_err(|_words| StoreError::BadUrl { reason: "it cannot be read as a URL" })?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        match url.scheme() {
            "http" | "https" if has_credentials => {
                Err(StoreError::BadUrl { reason: "it holds an account or a password" })
            }
            "http" | "https" if url.query().is_some() => Err(StoreError::BadUrl { reason: "it holds parameters" }),
            "http" | "https" => Ok(url),
            _ => Err(StoreError::BadUrl { reason: "it begins with neither http:// nor https://" }),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({}, {}, {}, ***)", self.url, self.database, self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_name_holds_nothing_that_sql_could_read() {
        for name in ["daylight", "d_1", "a"] {
            assert_eq!(DatabaseName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "1a", "_a", "Daylight", "a-b", "a`b", "a; DROP", "ä", &"x".repeat(64)] {
            assert!(DatabaseName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_url_holds_neither_account_nor_parameters() {
        for (url, is_good) in [
            ("http://localhost:8123", true),
            ("http://a:planted-secret@localhost:8123", false),
            ("http://localhost:8123/?password=planted-secret", false),
            ("https://localhost:8443", true),
            ("https://a:planted-secret@localhost:8443", false),
            ("https://localhost:8443/?password=planted-secret", false),
            ("clickhouse://localhost:9000", false),
            ("localhost:8123", false),
            ("", false),
        ] {
            let database = DatabaseName::parse("daylight").unwrap();
            let connection = Connection { url: url.into(), database, user: String::new(), password: String::new() };
            let result = connection.parse_url();
            assert_eq!(result.is_ok(), is_good, "{url}");
            assert!(!format!("{result:?}").contains("planted-secret") || is_good);
        }
    }

    #[test]
    fn a_connection_prints_without_its_password() {
        let connection = Connection {
            url: "http://localhost:8123".into(),
            database: DatabaseName::parse("daylight").unwrap(),
            user: "writer".into(),
            password: "planted-secret".into(),
        };
        assert!(!format!("{connection:?}").contains("planted-secret"));
    }
}
