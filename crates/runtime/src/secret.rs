//! Secrets: read from a file or an environment variable, never from arguments, and never printed.

use std::{fmt, fs, path::PathBuf};

use serde::Deserialize;
use subtle::ConstantTimeEq;

/// A secret is at most so many bytes; a larger file is a mistake.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret text. Prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub const fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Is `other` the same text? Takes the same time whatever the common prefix is.
    #[must_use]
    pub fn is_same(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret comes from. In TOML: `{ file = "/run/secrets/okta" }` or `{ env = "OKTA_SECRET" }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// A file; white space around the secret is cut off.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// `SecretError` naming the file or variable, never its content.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            SecretSource::File(path) => {
                let failed = |source| SecretError::File { path: path.clone(), source };
                if fs::metadata(path).map_err(failed)?.len() > SECRET_BYTES_MAX {
                    return Err(SecretError::TooLarge { path: path.clone() });
                }
                fs::read_to_string(path).map_err(failed)?
            }
            SecretSource::Env(name) => std::env::var(name).map_err(|_| SecretError::Variable { name: name.clone() })?,
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(SecretError::Empty { place: self.to_string() });
        }
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "file {}", path.display()),
            SecretSource::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Why a secret could not be read. Halt.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret file {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no secret.
    #[error("the secret file {path} is larger than 64 KiB; it should hold the secret alone", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The variable is not set.
    #[error("the environment variable {name}, which should hold a secret, is not set")]
    Variable {
        /// The variable.
        name: String,
    },
    /// There is nothing in it.
    #[error("the secret in {place} is empty")]
    Empty {
        /// File or variable.
        place: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_and_compares_whole() {
        let secret = Secret::new("swordfish".into());
        assert_eq!(format!("{secret:?}"), "***");
        assert!(secret.is_same("swordfish"));
        assert!(!secret.is_same("swordfis"));
    }

    #[test]
    fn a_missing_file_is_named_and_an_empty_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("okta");
        let source = SecretSource::File(path.clone());
        assert!(source.read().unwrap_err().to_string().contains("okta"));
        fs::write(&path, " \n").unwrap();
        assert!(matches!(source.read(), Err(SecretError::Empty { .. })));
        fs::write(&path, " key \n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "key");
    }
}
