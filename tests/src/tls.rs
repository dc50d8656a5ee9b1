//! TLS for tests: authorities and certificates that are made when a test needs them, and a proxy that ends TLS in front of a server that
//! speaks none.
//!
//! Nothing is committed that could run out: a certificate is valid for some days from now.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use native_tls::{Identity, TlsAcceptor};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509Name, X509NameBuilder, X509NameRef,
        extension::{BasicConstraints, KeyUsage, SubjectAlternativeName},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

use crate::servers::say;

/// How long a certificate is valid. Days.
const VALID_DAYS: u32 = 7;

/// Who vouches for servers.
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// A server's certificate for `localhost` and `127.0.0.1`, and its key.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    /// The key, PKCS #8 as PEM.
    pub key_pem: String,
    /// The certificate as PEM.
    pub certificate_pem: String,
}

impl Authority {
    /// An authority that nobody has heard of.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn new(name: &str) -> anyhow::Result<Authority> {
        let (key, name) = (new_key()?, subject(name)?);
        let mut builder = builder(&name, &name, &key)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Authority { certificate: builder.build(), key })
    }

    /// Its certificate: what those who trust it are given.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn pem(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.certificate.to_pem()?)?)
    }

    /// Vouches for a server on this machine.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn issue(&self) -> anyhow::Result<ServerCertificate> {
        let (key, name) = (new_key()?, subject("localhost")?);
        let mut builder = builder(&name, self.certificate.subject_name(), &key)?;
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .ip("127.0.0.1")
            .build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(names)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        let key_pem = String::from_utf8(key.private_key_to_pem_pkcs8()?)?;
        Ok(ServerCertificate { key_pem, certificate_pem: String::from_utf8(builder.build().to_pem()?)? })
    }
}

/// Ends TLS in front of a server. Ends with this value.
pub struct TlsProxy {
    address: SocketAddr,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    _runtime: Runtime,
}

impl TlsProxy {
    /// Listens on a free port in front of `host:port`.
    ///
    /// # Errors
    /// When the machine has no port, or the certificate is none.
    pub fn start(upstream: &str, certificate: &ServerCertificate) -> anyhow::Result<TlsProxy> {
        let upstream: SocketAddr = upstream.parse().context("where the server listens")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let (address, acceptor) = (listener.local_addr()?, Arc::new(Mutex::new(acceptor(certificate)?)));
        runtime.spawn(accept(listener, Arc::clone(&acceptor), upstream));
        say(&format!("TLS on {address} in front of {upstream}"));
        Ok(TlsProxy { address, acceptor, _runtime: runtime })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Shows another certificate from the next connection on.
    ///
    /// # Errors
    /// When it is none.
    pub fn present(&self, certificate: &ServerCertificate) -> anyhow::Result<()> {
        *self.acceptor.lock().unwrap_or_else(PoisonError::into_inner) = acceptor(certificate)?;
        Ok(())
    }
}

async fn accept(listener: TcpListener, acceptor: Arc<Mutex<TlsAcceptor>>, upstream: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(async move {
            // A client that does not trust us ends the handshake: that is its business, and the test's to look at.
            let Ok(mut inside) = tokio_native_tls::TlsAcceptor::from(acceptor).accept(stream).await else { return };
            if let Ok(mut server) = TcpStream::connect(upstream).await {
                tokio::io::copy_bidirectional(&mut inside, &mut server).await.ok();
            }
        });
    }
}

fn acceptor(certificate: &ServerCertificate) -> anyhow::Result<TlsAcceptor> {
    let identity = Identity::from_pkcs8(certificate.certificate_pem.as_bytes(), certificate.key_pem.as_bytes())?;
    Ok(TlsAcceptor::new(identity)?)
}

fn new_key() -> anyhow::Result<PKey<Private>> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

fn subject(name: &str) -> anyhow::Result<X509Name> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

/// What every certificate has.
fn builder(subject: &X509NameRef, issuer: &X509NameRef, key: &PKey<Private>) -> anyhow::Result<X509Builder> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let serial = serial.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    let (from, until) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(VALID_DAYS)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    Ok(builder)
}
