//! TLS as the docker command speaks it: an authority, a client certificate, and both checked.
//!
//! - `unchecked`: a certificate that is taken as it is, where the user says so (`DOCKER_TLS` alone, `skip-tls-verify`).
//! - `validity`: when a certificate ends: just enough DER to find that field.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore,
};

use self::unchecked::Unchecked;
use crate::engine::port::clock;
use crate::engine::user_file::{self, bytes_of};

mod unchecked;
mod validity;

/// Names the system's authorities where they are elsewhere.
const AUTHORITIES: &str = "SSL_CERT_FILE";
/// How long an engine may take to say why it hangs up.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Files that prove who is who.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who may sign the engine's certificate; the system's authorities where it is not named.
    pub ca: Option<PathBuf>,
    /// This client's certificate and its key.
    pub pair: Option<(PathBuf, PathBuf)>,
    /// Whether the engine's certificate is checked at all.
    pub verify: bool,
}

/// Why there is no TLS connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
    #[error("{host} cannot stand in a certificate")]
    NoName { host: String },
    #[error("the engine's certificate is not signed by an authority of {authority}")]
    Authority { authority: String },
    #[error("the engine's certificate has expired")]
    Expired,
    #[error("the engine's certificate is not valid yet, or this machine's clock is behind")]
    NotYet,
    #[error("the engine's certificate is not for {host}")]
    Name { host: String },
    #[error("the engine's certificate cannot be used: {0}")]
    Certificate(String),
    #[error("the engine asks for a client certificate, and none was given")]
    NoPapers,
    #[error("this client's certificate {} has expired", .0.display())]
    OwnExpired(PathBuf),
    #[error("the engine does not accept this client's certificate {}", .0.display())]
    OwnRefused(PathBuf),
    #[error("what answers there does not speak TLS")]
    NotTls,
    #[error("TLS: {0}")]
    Other(String),
}

impl TlsError {
    /// Returns what to try.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::File { .. } => {
                "DOCKER_CERT_PATH, or the context, must lead to ca.pem, cert.pem and key.pem"
            }
            Self::Authority { .. } => {
                "take the ca.pem that signed it, and mind that somebody else may be answering"
            }
            Self::Expired => "renew it on the engine's host and restart the engine",
            Self::NotYet => "compare the clocks of both machines",
            Self::NoName { .. } | Self::Name { .. } => {
                "use a name or address that stands in the certificate"
            }
            Self::NoPapers => {
                "put cert.pem and key.pem into DOCKER_CERT_PATH, or use a context that has them"
            }
            Self::OwnExpired(_) => "have a new one signed",
            Self::OwnRefused(_) => "have one signed by the authority that the engine trusts",
            Self::NotTls => "leave DOCKER_TLS_VERIFY and DOCKER_TLS unset, or correct the port",
            Self::Certificate(_) | Self::Other(_) => "check the address and the certificates",
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(trouble: TlsError) -> Self {
        Self::other(trouble)
    }
}

/// This side of TLS connections to one host. The files are read when the first is made.
#[derive(Clone)]
pub(super) struct Client {
    host: String,
    papers: TlsFiles,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}, {:?})", self.host, self.papers)
    }
}

impl Client {
    pub(super) fn new(host: String, papers: TlsFiles) -> Self {
        Self {
            host,
            papers,
            config: Arc::default(),
        }
    }

    /// Proves who is who on a connection.
    pub(super) async fn greet(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(self.host.clone()).map_err(|_| TlsError::NoName {
            host: self.host.clone(),
        })?;
        let connector = TlsConnector::from(self.config()?);
        let greeted = connector.connect(name, stream).await;
        greeted.map_err(|error| self.in_words(error))
    }

    /// Returns what the engine says when it is greeted and nothing more.
    pub(super) async fn why_hung_up(&self, stream: TcpStream) -> Option<io::Error> {
        let mut stream = match self.greet(stream).await {
            Ok(stream) => stream,
            Err(error) => return Some(error),
        };
        let said = tokio::time::timeout(LAST_WORDS, stream.read_u8()).await;
        Some(self.in_words(said.ok()?.err()?))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let config = self.papers.config()?;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }

    /// Returns an error of rustls as a [`TlsError`]; the system's own stay as they are.
    fn in_words(&self, error: io::Error) -> io::Error {
        let Some(cause) = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<Error>())
        else {
            return error;
        };
        self.trouble(cause).into()
    }

    fn trouble(&self, error: &Error) -> TlsError {
        match error {
            Error::InvalidCertificate(cause) => self.bad_certificate(cause),
            Error::AlertReceived(alert) => self.refused(*alert),
            Error::InvalidMessage(_) => TlsError::NotTls,
            other => TlsError::Other(other.to_string()),
        }
    }

    fn bad_certificate(&self, cause: &CertificateError) -> TlsError {
        match cause {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsError::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsError::NotYet
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsError::Authority {
                    authority: match &self.papers.ca {
                        Some(path) => path.display().to_string(),
                        None => "this system".to_owned(),
                    },
                }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsError::Name {
                    host: self.host.clone(),
                }
            }
            other => TlsError::Certificate(other.to_string()),
        }
    }

    /// Returns what an engine means by hanging up. Older ones say no more than that the certificate is bad.
    fn refused(&self, alert: AlertDescription) -> TlsError {
        use AlertDescription as Alert;
        let about_certificate = matches!(
            alert,
            Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::HandshakeFailure
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate
        );
        match &self.papers.pair {
            _ if !about_certificate => {
                TlsError::Other(format!("the engine hangs up and says {alert:?}"))
            }
            None => TlsError::NoPapers,
            Some((path, _)) if has_expired(path) => TlsError::OwnExpired(path.clone()),
            Some((path, _)) => TlsError::OwnRefused(path.clone()),
        }
    }
}

impl TlsFiles {
    fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Other(error.to_string()))?;
        let builder = if self.verify {
            builder.with_webpki_verifier(self.verifier(provider)?)
        } else {
            let unchecked = Arc::new(Unchecked::new(provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(unchecked)
        };
        let Some((certificate, key)) = &self.pair else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let secret = bytes_of(key).map_err(|error| file(key, &error))?;
        let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|error| file(key, &error))?;
        builder
            .with_client_auth_cert(chain, secret)
            .map_err(|error| file(key, &error))
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        let (authority, found) = if let Some(path) = &self.ca {
            (path.clone(), certificates(path)?)
        } else {
            let named = std::env::var_os(AUTHORITIES).filter(|path| !path.is_empty());
            if let Some(path) = named.map(PathBuf::from) {
                user_file::open(&path).map_err(|error| file(&path, &error))?;
            }
            (
                PathBuf::from("the system's authorities"),
                rustls_native_certs::load_native_certs().certs,
            )
        };
        roots.add_parsable_certificates(found);
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| TlsError::File {
                path: authority,
                cause: "it holds no certificate of an authority".to_owned(),
            })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes_of(path).map_err(|error| file(path, &error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| file(path, &error))?;
    if found.is_empty() {
        return Err(file(path, &"it holds no certificate"));
    }
    Ok(found)
}

fn file(path: &Path, cause: &impl ToString) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

fn has_expired(certificate: &Path) -> bool {
    certificates(certificate).is_ok_and(|chain| {
        let end = chain.first().and_then(|own| validity::end(own));
        end.is_some_and(|end| end < clock::now())
    })
}
