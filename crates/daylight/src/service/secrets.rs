//! Every secret and every connection that the roles will need is in order, before anything is opened: a missing file is one line and exit code 2, and not the
//! last of twenty lines after a log and a database were started.

use runtime::SecretSource;

use super::{BadConfig, Role, kafka_settings};
use crate::config::Config;

/// Reads each secret once and forgets it.
pub(super) fn check(config: &Config, roles: &[Role]) -> Result<(), BadConfig> {
    let tenants = config.tenants.iter().map(|tenant| ("tenants", &tenant.id, "key", &tenant.key));
    tenants.into_iter().try_for_each(readable)?;
    if !config.log.kafka.is_empty() {
        kafka_settings::read(&config.log)?;
    }
    if roles.contains(&Role::Ingest) {
        check_connections(config)?;
        for connection in &config.connections {
            readable(("connections", &connection.id, "secret", &connection.secret))?;
            readable(("connections", &connection.id, "previous_secret", &connection.previous_secret))?;
            let password = connection.hub.as_ref().map(|hub| hub.password.clone());
            readable(("connections", &connection.id, "hub.password", &password))?;
            for (key, source) in connection.poll.iter().flat_map(|poll| poll.secrets()) {
                readable(("connections", &connection.id, key, &Some(source.clone())))?;
            }
        }
    }
    if roles.contains(&Role::Notify) {
        for receiver in &config.receivers {
            readable(("receivers", &receiver.id, "secret", &receiver.secret))?;
            readable(("receivers", &receiver.id, "url_secret", &receiver.url_secret))?;
        }
    }
    if roles.contains(&Role::Sink) {
        readable(("clickhouse", &String::new(), "password", &config.clickhouse.password))?;
    }
    Ok(())
}

/// Every connection can be used, alone and beside the others: file, line and key, or both names, before anything is opened.
pub(crate) fn check_connections(config: &Config) -> Result<(), BadConfig> {
    ingest::check_connections(&config.connections).map_err(|error| BadConfig(error.to_string()))
}

/// Section, name, key, and where the secret comes from.
fn readable((section, id, key, source): (&str, &String, &str, &Option<SecretSource>)) -> Result<(), BadConfig> {
    let Some(Err(error)) = source.as_ref().map(SecretSource::read) else { return Ok(()) };
    let place = if id.is_empty() { format!("[{section}]") } else { format!("[[{section}]] {id:?}") };
    Err(BadConfig(format!("{place}, {key}: {error}")))
}
