//! Where an engine listens, and a line that is dialled there.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpStream, UnixStream};

use super::ssh::{self, Login, Target};
use super::stream::Stream;
use super::tls::{self, TlsFiles};

/// How long a connection is silent before it is tried, and between tries.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
        /// What stands before every path: nothing, or `/engines/one`.
        prefix: String,
    },
    Tls {
        host: String,
        port: u16,
        prefix: String,
        papers: TlsFiles,
    },
    /// On another machine, behind a login there.
    Ssh(Target),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } | Self::Tls { .. } => {
                write!(f, "tcp://{}{}", self.authority(), self.prefix())
            }
            Self::Ssh(target) => target.fmt(f),
        }
    }
}

impl Address {
    /// Returns what the `Host` header says. Behind a socket any name will do, but there must be one.
    pub(in crate::engine) fn authority(&self) -> String {
        match self {
            Self::Unix(_) | Self::Ssh(_) => "docker".to_owned(),
            Self::Tcp { host, port, .. } | Self::Tls { host, port, .. } => {
                if host.contains(':') {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                }
            }
        }
    }

    /// Returns what stands before every path.
    pub(in crate::engine) fn prefix(&self) -> &str {
        match self {
            Self::Unix(_) | Self::Ssh(_) => "",
            Self::Tcp { prefix, .. } | Self::Tls { prefix, .. } => prefix,
        }
    }
}

/// An address with what reaching it takes once: certificates that are read, a login. Clones share that.
#[derive(Clone, Debug)]
pub struct Dial {
    address: Address,
    way: Route,
}

#[derive(Clone, Debug)]
enum Route {
    Plain,
    Tls(tls::Client),
    Ssh(Login),
}

impl From<Address> for Dial {
    fn from(address: Address) -> Self {
        let way = match &address {
            Address::Unix(_) | Address::Tcp { .. } => Route::Plain,
            Address::Tls { host, papers, .. } => {
                Route::Tls(tls::Client::new(host.clone(), papers.clone()))
            }
            Address::Ssh(target) => Route::Ssh(Login::new(target.clone())),
        };
        Self { address, way }
    }
}

impl Dial {
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Does what takes long or asks questions, so that dialling does neither: an ssh login.
    ///
    /// # Errors
    /// As [`Dial::dial`].
    pub async fn open(&self) -> io::Result<()> {
        match &self.way {
            Route::Plain | Route::Tls(_) => Ok(()),
            Route::Ssh(login) => login.open().await,
        }
    }

    /// Asks whatever reaching it asks of somebody, as a login does. Afterwards nobody can be asked: the
    /// terminal shows something else. What goes wrong is what [`Dial::open`] says.
    pub async fn prepare(&self) {
        if let Route::Ssh(login) = &self.way {
            login.prepare().await;
        }
    }

    /// Returns a new connection.
    ///
    /// # Errors
    /// The system's, or one that holds a [`tls::TlsError`] or an [`ssh::SshError`].
    pub async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        match (&self.address, &self.way) {
            (_, Route::Ssh(login)) => login.dial().await,
            (Address::Unix(path), _) => Ok(Box::new(UnixStream::connect(path).await?)),
            (Address::Tls { host, port, .. }, Route::Tls(client)) => {
                Ok(Box::new(client.greet(tcp(host, *port).await?).await?))
            }
            (Address::Tcp { host, port, .. } | Address::Tls { host, port, .. }, _) => {
                Ok(Box::new(tcp(host, *port).await?))
            }
            (Address::Ssh(_), _) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns how many connections there may be at once, where that is limited.
    pub(super) fn places(&self) -> Option<usize> {
        matches!(self.way, Route::Ssh(_)).then_some(ssh::SESSIONS)
    }

    /// Returns the login on the engine's host, if there is one.
    pub(in crate::engine) fn login(&self) -> Option<&Login> {
        match &self.way {
            Route::Ssh(login) => Some(login),
            Route::Plain | Route::Tls(_) => None,
        }
    }

    /// Returns why the engine hung up on a connection that was made: with TLS 1.3 that it does not accept this
    /// client is said after the greeting, and lost when more is sent meanwhile. So nothing is sent here.
    pub(in crate::engine) async fn why_hung_up(&self) -> Option<io::Error> {
        let (Address::Tls { host, port, .. }, Route::Tls(client)) = (&self.address, &self.way)
        else {
            return None;
        };
        let stream = tcp(host, *port).await.ok()?;
        client.why_hung_up(stream).await
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    keep_alive(&stream)?;
    Ok(stream)
}

/// Returns a connection that only waits for events never sends anything: a host that is gone is noticed within a
/// minute, and what forgets silent connections on the way does not forget this one.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEP_ALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEP_ALIVE)?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    Ok(())
}

/// The lines of a program, so that an address is reached by one line however often it is looked at.
#[derive(Debug, Default)]
pub struct Dials(Mutex<Vec<Dial>>);

impl Dials {
    /// Returns the line to an address.
    #[must_use]
    pub fn to(&self, address: &Address) -> Dial {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.iter().find(|line| line.address == *address) {
            return line.clone();
        }
        let line = Dial::from(address.clone());
        lines.push(line.clone());
        line
    }
}

#[cfg(test)]
mod tests;
