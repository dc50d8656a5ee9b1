//! Configuration: one TOML file, overridden by environment variables, with every key checked.
//!
//! `DAYLIGHT__SINK__FLUSH_INTERVAL_MS=500` overrides `flush_interval_ms` of `[sink]`. Structs deny unknown fields, so a typing error or a
//! wrong unit (`flush_interval_s`) is found at start and not in production.

use std::{fs, path::Path, path::PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Environment variables that begin so override the file.
const ENV_PREFIX: &str = "DAYLIGHT__";

/// Why the configuration cannot be used. One line, for exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that we do not understand.
    #[error("{place}: {message}")]
    Invalid {
        /// File and line, or environment variable.
        place: String,
        /// What is wrong, naming the key.
        message: String,
    },
}

/// Reads the configuration: the file where there is one (else all defaults), then the environment.
///
/// # Errors
/// `ConfigError` naming file, line and key.
pub fn load_config<T: DeserializeOwned>(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let (text, name) = match path {
        None => (String::new(), "the environment".to_owned()),
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            (text, path.display().to_string())
        }
    };
    let mut table: Table = toml::from_str(&text).map_err(|error| invalid(&name, &text, &error))?;
    let mut is_overridden = false;
    for (variable, value) in environment {
        if let Some(keys) = variable.strip_prefix(ENV_PREFIX) {
            set(&mut table, keys, &value)
                .map_err(|message| ConfigError::Invalid { place: variable.clone(), message })?;
            is_overridden = true;
        }
    }
    // From the text where possible, because only then does the error know its line.
    if is_overridden {
        Table::try_into(table).map_err(|error| invalid(&format!("{name} with {ENV_PREFIX}* variables"), "", &error))
    } else {
        toml::from_str(&text).map_err(|error| invalid(&name, &text, &error))
    }
}

fn invalid(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"));
    // Without the text, the key stands only in the long form, after "in".
    let long = error.to_string();
    let key = long.lines().rev().find_map(|line| line.trim().strip_prefix("in ")).map(|key| format!(" in {key}"));
    ConfigError::Invalid {
        place,
        message: format!("{}{}", error.message().replace('\n', " "), key.unwrap_or_default()),
    }
}

/// Sets `A__B` to a value, which is TOML where it reads as TOML (numbers, booleans, lists) and text otherwise.
fn set(table: &mut Table, keys: &str, value: &str) -> Result<(), String> {
    let keys = keys.to_ascii_lowercase();
    let mut parts: Vec<&str> = keys.split("__").collect();
    let last = parts.pop().filter(|key| !key.is_empty()).ok_or("the variable names no key")?;
    let mut place = table;
    for part in parts {
        let next = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
        place = next.as_table_mut().ok_or_else(|| format!("`{part}` is no section"))?;
    }
    let parsed = toml::from_str::<Table>(&format!("value = {value}")).ok().and_then(|mut table| table.remove("value"));
    place.insert(last.to_owned(), parsed.unwrap_or_else(|| Value::String(value.to_owned())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        data_folder: String,
        sink: Sink,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Sink {
        flush_interval_ms: u64,
        database: String,
    }

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daylight.toml");
        fs::write(&path, text).unwrap();
        load_config(Some(&path), environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = load(
            "[sink]\nflush_interval_ms = 1",
            &[("DAYLIGHT__SINK__FLUSH_INTERVAL_MS", "7"), ("DAYLIGHT__DATA_FOLDER", "here")],
        );
        let config = config.unwrap();
        assert_eq!((config.sink.flush_interval_ms, config.data_folder.as_str()), (7, "here"));
    }

    #[test]
    fn an_unknown_key_or_a_wrong_unit_is_one_line_with_file_line_and_key() {
        let error = load("data_folder = \"x\"\n[sink]\nflush_interval_s = 1\n", &[]).unwrap_err().to_string();
        assert!(
            error.contains("daylight.toml, line 3") && error.contains("flush_interval_s") && !error.contains('\n'),
            "{error}"
        );
        let error = load("[sink]\nflush_interval_ms = \"1s\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn an_unknown_key_in_the_environment_is_named() {
        let error = load("", &[("DAYLIGHT__SINK__FLUSH", "1")]).unwrap_err().to_string();
        assert!(error.contains("flush") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn no_file_means_all_defaults() {
        assert_eq!(load_config::<Config>(None, std::iter::empty()).unwrap(), Config::default());
        assert!(
            load_config::<Config>(Some(Path::new("missing.toml")), std::iter::empty())
                .unwrap_err()
                .to_string()
                .contains("missing.toml")
        );
    }
}
