//! The connections, ready for use: secrets read, and the check of a sender.
//!
//! An unknown connection and a wrong secret look and cost the same: there is always a secret to compare with.

use std::{fs, io::Read, path::Path, sync::Arc};

use event::{Source, TenantKey};
use hashbrown::HashMap;
use runtime::{Secret, SecretError};
use sha2::{Digest, Sha256};

use crate::{
    ConnectionConfig,
    expectations::SILENT_AFTER_HOURS_MAX,
    parse::{MAPPING_BYTES_MAX, Mapping, MappingError},
    poll, rivals,
};

/// Shortest and longest token of the collector. Splunk's are GUIDs; a longer one is refused unread (`hec`).
const TOKEN_BYTES_MIN: usize = 16;
/// See above.
pub(crate) const TOKEN_BYTES_MAX: usize = 256;
/// Names are part of URLs, keys and metrics.
const NAME_BYTES_MAX: usize = 100;

/// One connection, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Its name.
    pub(crate) id: String,
    /// Our tenant.
    pub(crate) tenant: String,
    /// Whose format it speaks.
    pub(crate) provider: Source,
    /// The provider's name for the tenant.
    pub(crate) provider_tenant: String,
    /// The tenant's key for pseudonyms.
    pub(crate) tenant_key: TenantKey,
    /// Is everything imported history?
    pub(crate) is_backfill: bool,
    /// The ids of the clients by which the tenant's connections log in at this provider.
    pub(crate) own_clients: Vec<String>,
    /// How a mapped source is read.
    pub(crate) mapping: Option<Mapping>,
    secret: Option<Secret>,
    previous_secret: Option<Secret>,
    /// What we log in with elsewhere.
    foreign_secrets: Vec<Secret>,
}

/// Every connection.
#[derive(Debug)]
pub(crate) struct Connections {
    by_id: HashMap<String, Arc<Connection>>,
    /// The connections that a token names, by its SHA-256: looking one up tells nothing about any other token.
    by_token: HashMap<[u8; 32], Arc<Connection>>,
    /// What an unknown connection's sender is compared with.
    nobody: Secret,
}

/// Why the connections cannot be used. Halt.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A name is not usable.
    #[error("connection {id:?}: {reason}")]
    Invalid {
        /// Its name.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A secret cannot be read.
    #[error("connection {id:?}: {source}")]
    Secret {
        /// Its name.
        id: String,
        /// Why.
        source: SecretError,
    },
    /// Its mapping cannot be used.
    #[error("connection {id:?}: {source}")]
    Mapping {
        /// Its name.
        id: String,
        /// What is wrong with it.
        source: MappingFileError,
    },
}

/// A mapping file that cannot be used. Halt.
#[derive(Debug, thiserror::Error)]
pub enum MappingFileError {
    /// It cannot be read.
    #[error("cannot read the mapping {file}: {source}; name a file that exists and that may be read")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It says what no mapping may say.
    #[error(transparent)]
    Invalid(#[from] MappingError),
}

/// Reads a mapping file.
///
/// # Errors
/// `MappingFileError`, with file, line and key.
pub fn read_mapping(path: &Path) -> Result<Mapping, MappingFileError> {
    let file = path.display().to_string();
    let unreadable = |source| MappingFileError::Unreadable { file: file.clone(), source };
    // Not read whole where it is far too large: the error is the same.
    let limit = u64::try_from(MAPPING_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut text = String::new();
    fs::File::open(path).and_then(|opened| opened.take(limit).read_to_string(&mut text)).map_err(unreadable)?;
    Ok(Mapping::parse(&file, &text)?)
}

/// Checks the connections as a start does, without reading a secret: their mappings, what each poller needs, and which of them may not stand
/// beside each other.
///
/// # Errors
/// The first connection that a start would refuse.
pub fn check_connections(configs: &[ConnectionConfig]) -> Result<(), ConnectionError> {
    rivals::check(configs)?;
    configs.iter().try_for_each(check_patience)?;
    poll::plan(configs)?;
    configs.iter().try_for_each(|config| mapping(config).map(drop))
}

fn check_patience(config: &ConnectionConfig) -> Result<(), ConnectionError> {
    match config.silent_after_hours {
        Some(hours) if hours > SILENT_AFTER_HOURS_MAX => {
            let reason = format!("silent_after_hours is {hours}; at most {SILENT_AFTER_HOURS_MAX}, or 0 for never");
            Err(ConnectionError::Invalid { id: config.id.clone(), reason })
        }
        _ => Ok(()),
    }
}

/// The mapping of a connection: there is one if the source is a mapped one, and else none.
pub(crate) fn mapping(config: &ConnectionConfig) -> Result<Option<Mapping>, ConnectionError> {
    let invalid = |reason: &str| ConnectionError::Invalid { id: config.id.clone(), reason: reason.to_owned() };
    match (&config.mapping, config.provider) {
        (Some(path), Source::Mapped) => {
            let read = read_mapping(path);
            read.map(Some).map_err(|source| ConnectionError::Mapping { id: config.id.clone(), source })
        }
        (None, Source::Mapped) => Err(invalid("provider is \"mapped\"; name its file with `mapping`")),
        (Some(_), _) => Err(invalid("`mapping` is for provider = \"mapped\"; this provider has a parser of its own")),
        (None, _) => Ok(None),
    }
}

impl Connection {
    /// The same connection, for deliveries that are imported history whatever else it delivers.
    pub(crate) fn for_history(&self) -> Connection {
        Connection { is_backfill: true, ..self.clone() }
    }

    /// Every secret of this connection: none of them may stand in a dead letter.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        self.secret.iter().chain(&self.previous_secret).chain(&self.foreign_secrets).map(Secret::expose).collect()
    }
}

impl Connections {
    /// Reads the secrets and refuses what would mix up tenants or tell things twice: a name twice, and what `rivals` says.
    pub(crate) fn new(
        configs: &[ConnectionConfig],
        tenant_key: impl Fn(&str) -> Option<TenantKey>,
    ) -> Result<Connections, ConnectionError> {
        rivals::check(configs)?;
        configs.iter().try_for_each(check_patience)?;
        let mut by_id: HashMap<String, Arc<Connection>> = HashMap::new();
        for config in configs {
            let connection = open(config, own_clients(config, configs), &tenant_key)?;
            if by_id.insert(config.id.clone(), Arc::new(connection)).is_some() {
                return Err(ConnectionError::Invalid {
                    id: config.id.clone(),
                    reason: "the name is used twice".into(),
                });
            }
        }
        let by_token = tokens(configs, &by_id)?;
        Ok(Connections { by_id, by_token, nobody: Secret::new("an unknown connection has no secret".into()) })
    }

    /// The tenants, each once.
    pub(crate) fn tenants(&self) -> Vec<&str> {
        let mut tenants: Vec<&str> = self.by_id.values().map(|connection| connection.tenant.as_str()).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    /// The connection of this name.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.by_id.get(id).map(Arc::clone)
    }

    /// The connection that a token names. A wrong token costs what a right one costs: a hash, a look-up, two comparisons.
    pub(crate) fn by_token(&self, token: &str) -> Option<Arc<Connection>> {
        let found = self.by_token.get(&digest(token));
        let secret = found.and_then(|connection| connection.secret.as_ref()).unwrap_or(&self.nobody);
        let previous = found.and_then(|connection| connection.previous_secret.as_ref()).unwrap_or(&self.nobody);
        let is_allowed = secret.is_same(token) | previous.is_same(token);
        found.filter(|_| is_allowed).map(Arc::clone)
    }

    /// The connection, if the sender shows its secret: `Authorization: <secret>` as Okta sends it, or `Authorization: Bearer <secret>`.
    pub(crate) fn authenticate(&self, id: &str, authorization: Option<&str>) -> Option<Arc<Connection>> {
        let shown = authorization.unwrap_or_default();
        let shown = shown.strip_prefix("Bearer ").unwrap_or(shown);
        let known = self.by_id.get(id);
        let secret = known.and_then(|connection| connection.secret.as_ref()).unwrap_or(&self.nobody);
        let previous = known.and_then(|connection| connection.previous_secret.as_ref()).unwrap_or(&self.nobody);
        // Both are always compared, so that the time tells neither which one fits nor whether there is one.
        let is_current = secret.is_same(shown) && known.is_some_and(|connection| connection.secret.is_some());
        let is_previous = previous.is_same(shown);
        let is_allowed =
            is_current | (is_previous && known.is_some_and(|connection| connection.previous_secret.is_some()));
        known.filter(|_| is_allowed).map(Arc::clone)
    }
}

/// The connections that may be sent to by token alone.
fn tokens(
    configs: &[ConnectionConfig],
    by_id: &HashMap<String, Arc<Connection>>,
) -> Result<HashMap<[u8; 32], Arc<Connection>>, ConnectionError> {
    let mut by_token: HashMap<[u8; 32], Arc<Connection>> = HashMap::new();
    let connections = configs.iter().filter(|config| config.hec).filter_map(|config| by_id.get(&config.id));
    for connection in connections {
        let invalid = |reason: String| ConnectionError::Invalid { id: connection.id.clone(), reason };
        if connection.secret.is_none() {
            return Err(invalid("hec = true needs a secret: it is the token".into()));
        }
        for secret in connection.secret.iter().chain(&connection.previous_secret) {
            if secret.expose().len() < TOKEN_BYTES_MIN || secret.expose().len() > TOKEN_BYTES_MAX {
                let limits = format!("{TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX}");
                return Err(invalid(format!(
                    "with hec = true the secret alone lets senders in; it must have {limits} bytes"
                )));
            }
            if let Some(other) = by_token.insert(digest(secret.expose()), Arc::clone(connection))
                && other.id != connection.id
            {
                return Err(invalid(format!("has the same token as connection {:?}; a token names one", other.id)));
            }
        }
    }
    Ok(by_token)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The clients by which a connection's tenant logs in at its provider, whichever of its connections does.
fn own_clients(config: &ConnectionConfig, configs: &[ConnectionConfig]) -> Vec<String> {
    let is_beside = |other: &&ConnectionConfig| {
        other.tenant == config.tenant && other.provider.issuer() == config.provider.issuer()
    };
    configs.iter().filter(is_beside).filter_map(|other| poll::client_id(other.poll.as_ref()?)).collect()
}

fn open(
    config: &ConnectionConfig,
    own_clients: Vec<String>,
    tenant_key: &impl Fn(&str) -> Option<TenantKey>,
) -> Result<Connection, ConnectionError> {
    let invalid = |reason: &str| ConnectionError::Invalid { id: config.id.clone(), reason: reason.to_owned() };
    for name in [&config.id, &config.tenant] {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !is_plain {
            return Err(invalid("id and tenant must be 1 to 100 letters, digits, '-', '_' or '.'"));
        }
    }
    if config.provider_tenant.trim().is_empty() {
        return Err(invalid(
            "provider_tenant is empty; give the Okta org host, the Google customer id or the Entra tenant id",
        ));
    }
    let secret = |source: &runtime::SecretSource| {
        source.read().map_err(|source| ConnectionError::Secret { id: config.id.clone(), source })
    };
    if config.secret.is_none() && config.hub.is_none() && config.poll.is_none() {
        let reason =
            "nothing can come in: give a secret for what is delivered, a hub to read from, or poll for what is fetched";
        return Err(invalid(reason));
    }
    let polled = config.poll.iter().flat_map(|poll| poll.secrets()).map(|(_, source)| source);
    let foreign = config.hub.iter().map(|hub| &hub.password).chain(polled);
    Ok(Connection {
        id: config.id.clone(),
        tenant: config.tenant.clone(),
        provider: config.provider,
        provider_tenant: config.provider_tenant.clone(),
        tenant_key: tenant_key(&config.tenant).ok_or_else(|| invalid("its tenant has no key"))?,
        is_backfill: config.is_backfill,
        own_clients,
        mapping: mapping(config)?,
        secret: config.secret.as_ref().map(secret).transpose()?,
        previous_secret: config.previous_secret.as_ref().map(secret).transpose()?,
        foreign_secrets: foreign.map(secret).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use runtime::SecretSource;

    use super::*;

    fn config(id: &str, tenant: &str, provider_tenant: &str, folder: &tempfile::TempDir) -> ConnectionConfig {
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            SecretSource::File(path)
        };
        ConnectionConfig {
            id: id.into(),
            tenant: tenant.into(),
            provider: Source::Okta,
            provider_tenant: provider_tenant.into(),
            secret: Some(file("new-secret")),
            previous_secret: Some(file("old-secret")),
            is_backfill: false,
            silent_after_hours: None,
            hub: None,
            mapping: None,
            poll: None,
            hec: false,
        }
    }

    fn connections(configs: &[ConnectionConfig]) -> Result<Connections, ConnectionError> {
        Connections::new(configs, |_| Some(TenantKey::new([1; 32])))
    }

    #[test]
    fn both_secrets_of_a_rotation_are_valid_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let connections = connections(&[config("okta", "acme", "acme.okta.com", &folder)]).unwrap();
        for (id, shown, is_allowed) in [
            ("okta", Some("new-secret"), true),
            ("okta", Some("Bearer old-secret"), true),
            ("okta", Some("new-secre"), false),
            ("okta", None, false),
            ("nobody", Some("an unknown connection has no secret"), false),
            ("nobody", Some("new-secret"), false),
        ] {
            assert_eq!(connections.authenticate(id, shown).is_some(), is_allowed, "{id} {shown:?}");
        }
    }

    #[test]
    fn a_token_names_one_connection_and_only_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let (token, before) = ("0aecc8e6-f5ee-4ab6-9c02-5d0fba3a5ae1", "1aecc8e6-f5ee-4ab6-9c02-5d0fba3a5ae1");
        let with = |id: &str, secret: &str, hec: bool| {
            let path = folder.path().join(format!("{id}.token"));
            std::fs::write(&path, secret).unwrap();
            let (secret, previous_secret) = (Some(SecretSource::File(path)), None);
            ConnectionConfig { secret, previous_secret, hec, ..config(id, "acme", "x.okta.com", &folder) }
        };
        let mut rotated = with("one", token, true);
        rotated.previous_secret = with("before", before, true).secret;
        let both = connections(&[rotated.clone(), with("two", "another-secret-of-a-hook", false)]).unwrap();
        let named = |token: &str| both.by_token(token).map(|connection| connection.id.clone());
        assert_eq!((named(token).as_deref(), named(before).as_deref()), (Some("one"), Some("one")));
        for wrong in
            ["", "another-secret-of-a-hook", "an unknown connection has no secret", &token[1..], &token.to_uppercase()]
        {
            assert_eq!(named(wrong), None, "{wrong}");
        }
        let refused = |configs: &[ConnectionConfig]| connections(configs).unwrap_err().to_string();
        assert!(refused(&[rotated.clone(), with("two", token, true)]).contains("same token as connection \"one\""));
        assert!(refused(&[with("short", "fifteen-letters", true)]).contains("16 to 256 bytes"));
        assert!(refused(&[with("long", &"x".repeat(257), true)]).contains("16 to 256 bytes"));
    }

    #[test]
    fn a_connection_without_a_secret_lets_nobody_in_and_needs_another_way() {
        let folder = tempfile::tempdir().unwrap();
        let mut silent = config("hub", "acme", "x.okta.com", &folder);
        (silent.secret, silent.previous_secret) = (None, None);
        let error = connections(std::slice::from_ref(&silent)).unwrap_err().to_string();
        assert!(error.contains("hub") && error.contains("secret"), "{error}");
        let hub = r#"{"brokers": "127.0.0.1:9093", "topic": "signins", "password": {"file": "FILE"}}"#;
        let file = folder.path().join("connection-string");
        std::fs::write(&file, "planted-connection-string").unwrap();
        silent.hub = Some(serde_json::from_str(&hub.replace("FILE", &file.display().to_string())).unwrap());
        let connections = connections(&[silent]).unwrap();
        for shown in [None, Some(""), Some("an unknown connection has no secret"), Some("planted-connection-string")] {
            assert!(connections.authenticate("hub", shown).is_none(), "{shown:?}");
        }
        let connection = connections.get("hub").unwrap();
        assert_eq!(connection.secrets(), ["planted-connection-string"], "dead letters must not hold it");
    }

    #[test]
    fn section_5_9_our_own_clients_are_those_of_every_connection_of_the_tenant_at_that_provider() {
        #[derive(serde::Deserialize)]
        struct Configs {
            connections: Vec<ConnectionConfig>,
        }
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.json");
        std::fs::write(&key, r#"{"client_id": "104", "private_key": "planted"}"#).unwrap();
        let one = |id: &str, tenant: &str, provider: &str, provider_tenant: &str, more: &str| {
            format!(
                "[[connections]]\nid='{id}'\ntenant='{tenant}'\nprovider='{provider}'\nprovider_tenant='{provider_tenant}'\n{more}\n"
            )
        };
        let microsoft =
            |api: &str, id: &str| format!("poll={{api='{api}',client_id='{id}',client_secret={{env='PATH'}}}}");
        let google =
            format!("poll={{api='google_reports',delegated_admin='a@x',service_account={{file='{}'}}}}", key.display());
        let text = one("hub", "acme", "entra", "one", "secret={env='PATH'}")
            + &one("audit", "acme", "m365_ual", "two", &microsoft("office365", "app-2"))
            + &one("graph", "acme", "entra", "three", &microsoft("graph", "app-3"))
            + &one("other", "beta", "entra", "four", &microsoft("graph", "app-4"))
            + &one("google", "acme", "google_workspace", "C1", &google);
        let configs = toml::from_str::<Configs>(&text).unwrap().connections;
        let own = |id: &str| own_clients(configs.iter().find(|config| config.id == id).unwrap(), &configs);
        assert_eq!(own("hub"), ["app-2", "app-3"], "the hub tells of the app by which Graph is polled");
        assert_eq!((own("audit"), own("other"), own("google")), (own("hub"), vec!["app-4".into()], vec!["104".into()]));
        let connections = connections(&configs).unwrap();
        assert_eq!(connections.get("hub").unwrap().own_clients, ["app-2", "app-3"]);
    }

    #[test]
    fn a_name_that_would_break_a_url_or_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for id in ["", "a/b", "ökta"] {
            assert!(connections(&[config(id, "acme", "x.okta.com", &folder)]).is_err(), "{id:?}");
        }
    }
}
