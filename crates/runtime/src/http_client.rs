//! The one place where clients of HTTP are made: whom they trust, how long they wait, what they never do.
//!
//! Receivers, ClickHouse and providers' interfaces are asked through these, so that a company's own authority is named once, as
//! `[tls] ca_file`. It is trusted beside those of the machine, never instead of them: a proxy that opens TLS has one authority, a public
//! Slack behind it another. TLS is the system's OpenSSL (docs/adr/0010), version 1.2 or newer.
//!
//! No redirect is followed: a secret that was meant for one address must not be sent to another.

use std::{error::Error, fs, path::PathBuf, time::Duration};

use native_tls::{Certificate, TlsConnector};
use reqwest::{Client, ClientBuilder, redirect::Policy};
use serde::Deserialize;

/// How long a connection may take to be made, its handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What servers are told that we are.
const USER_AGENT: &str = concat!("daylight/", env!("CARGO_PKG_VERSION"));

/// Bytes of a file of authorities; the whole of Mozilla's list has 220 KB.
const CA_FILE_BYTES_MAX: u64 = 4 << 20;

/// The section `[tls]`: whom outgoing connections trust.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificates of further authorities, one after the other as PEM; empty for those of the machine alone.
    pub ca_file: PathBuf,
}

/// Makes clients that trust the same authorities. Cheap to clone.
#[derive(Clone)]
pub struct HttpClients {
    tls: TlsConnector,
}

/// Why no client can be made. Halt.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The file of authorities cannot be read.
    #[error("[tls] ca_file: cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("[tls] ca_file: {path} holds no usable certificate: {reason}; it must hold certificates as PEM", path = path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// OpenSSL or the client does not come up on this machine.
    #[error("cannot prepare TLS on this machine: {reason}")]
    Unusable {
        /// What the library says.
        reason: String,
    },
}

impl HttpClients {
    /// Reads the authorities.
    ///
    /// # Errors
    /// `HttpClientError` naming key and file.
    pub fn new(config: &TlsConfig) -> Result<HttpClients, HttpClientError> {
        let mut builder = TlsConnector::builder();
        for authority in read_authorities(config)? {
            builder.add_root_certificate(authority);
        }
        let tls = builder.build().map_err(|error| HttpClientError::Unusable { reason: error.to_string() })?;
        Ok(HttpClients { tls })
    }

    /// What trusts the authorities, for a client that is not made here.
    #[must_use]
    pub fn tls(&self) -> &TlsConnector {
        &self.tls
    }

    /// A client whose requests end after `timeout`, the whole answer included.
    ///
    /// # Errors
    /// `HttpClientError::Unusable`.
    pub fn client(&self, timeout: Duration) -> Result<Client, HttpClientError> {
        let built = self.builder().timeout(timeout).build();
        built.map_err(|error| HttpClientError::Unusable { reason: why_unreachable(&error) })
    }

    /// A client in the making, for whoever needs more than a time-out.
    pub fn builder(&self) -> ClientBuilder {
        Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
    }
}

/// Why a request got no answer, in words without the URL, which may hold a secret; and what to do about a certificate that nobody vouches
/// for.
#[must_use]
pub fn why_unreachable(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        causes.push(next.to_string());
        cause = next.source();
    }
    let mut words = causes.join(": ");
    if words.contains("certificate verify failed") {
        words.push_str("; if the server is the right one, name the authority behind its certificate as [tls] ca_file");
    }
    words
}

fn read_authorities(config: &TlsConfig) -> Result<Vec<Certificate>, HttpClientError> {
    let path = &config.ca_file;
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| HttpClientError::Read { path: path.clone(), source };
    let useless = |reason: String| HttpClientError::NoCertificate { path: path.clone(), reason };
    if fs::metadata(path).map_err(failed)?.len() > CA_FILE_BYTES_MAX {
        return Err(useless(format!("it is larger than {CA_FILE_BYTES_MAX} bytes")));
    }
    let authorities = Certificate::stack_from_pem(&fs::read(path).map_err(failed)?);
    let authorities = authorities.map_err(|error| useless(error.to_string()))?;
    if authorities.is_empty() { Err(useless("there is none in it".to_owned())) } else { Ok(authorities) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<HttpClients, HttpClientError> {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("company-ca.pem");
        fs::write(&ca_file, text).unwrap();
        HttpClients::new(&TlsConfig { ca_file })
    }

    #[test]
    fn a_file_without_a_certificate_is_named_with_its_key() {
        let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "no certificate", key, cut] {
            let error = with_file(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("[tls] ca_file") && error.contains("company-ca.pem"), "{text:?}: {error:?}");
        }
        let large = " ".repeat(usize::try_from(CA_FILE_BYTES_MAX).unwrap() + 1);
        assert!(matches!(with_file(&large), Err(HttpClientError::NoCertificate { .. })));
        let missing = HttpClients::new(&TlsConfig { ca_file: "/nowhere/ca.pem".into() });
        assert!(matches!(missing, Err(HttpClientError::Read { .. })));
    }

    #[test]
    fn without_a_file_the_machines_authorities_are_enough() {
        let clients = HttpClients::new(&TlsConfig::default()).unwrap();
        assert!(clients.client(Duration::from_secs(1)).is_ok());
    }
}
