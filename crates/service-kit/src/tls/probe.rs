//! Why a connection over TLS does not come about, as a sentence for an operator.
//!
//! Drivers of databases and logs say "connection failed" and retry. [`connect`] makes the same connection once,
//! with the files as they are on the disk now, and tells a server that is down from a certificate that was refused.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use rustls::{AlertDescription, CertificateError};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{ClientTls, TlsError, Validity, client_config, validity, validity_of};

/// How long a server may take to answer: below the 3 s that a check of readiness gets.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What PostgreSQL wants to hear before it speaks TLS, and what it answers then.
const POSTGRES_TLS: ([u8; 8], u8) = ([0, 0, 0, 8, 4, 210, 22, 47], b'S');

/// What stands in the way of a connection, and what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// No server is there, or its name does not resolve.
    #[error("nothing answers at {address} ({kind}): start the server, or correct its address")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// A server is there and says nothing in time.
    #[error("{address} does not answer within {} s: see whether it runs, and what is between", ANSWER_WITHIN.as_secs())]
    Silent {
        /// `host:port`.
        address: String,
    },
    /// The server has no TLS.
    #[error("{address} does not speak TLS: switch it on there")]
    NoTls {
        /// `host:port`.
        address: String,
    },
    /// Our certificate's time is over, or has not begun.
    #[error(
        "our certificate {} is good from {} until {} only: put a new one there, it is read without a restart",
        .file.display(), .validity.from, .validity.until
    )]
    OursEnded {
        /// The certificate.
        file: PathBuf,
        /// When it is good.
        validity: Validity,
    },
    /// Our certificate or key cannot be used.
    #[error("{0}: correct the file, it is read without a restart")]
    OursUnusable(String),
    /// The server does not take our certificate.
    #[error(
        "{address} refuses our certificate {} ({alert}): put one there that an authority of the server signed, \
         it is read without a restart", .file.display()
    )]
    OursRefused {
        /// `host:port`.
        address: String,
        /// The certificate.
        file: PathBuf,
        /// Why, in the words of TLS.
        alert: String,
    },
    /// The server wants a certificate.
    #[error(
        "{address} asks for a certificate and we show none: name one in the settings ({alert})"
    )]
    OursMissing {
        /// `host:port`.
        address: String,
        /// Why, in the words of TLS.
        alert: String,
    },
    /// The server's certificate has expired.
    #[error("the certificate of {address} has expired: it must be replaced there")]
    TheirsEnded {
        /// `host:port`.
        address: String,
    },
    /// The server's certificate is of another authority.
    #[error(
        "the certificate of {address} does not lead to {}: correct the file, or somebody else answers there",
        .ca_file.display()
    )]
    TheirsStrange {
        /// `host:port`.
        address: String,
        /// The authorities that we trust.
        ca_file: PathBuf,
    },
    /// The server's certificate has other names.
    #[error(
        "the certificate of {address} is for other names: correct the address, or the certificate there"
    )]
    TheirsNamed {
        /// `host:port`.
        address: String,
    },
    /// Something else.
    #[error("the connection to {address} fails: {why}")]
    Other {
        /// `host:port`.
        address: String,
        /// What TLS or the operating system said.
        why: String,
    },
}

/// What is spoken before TLS begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opening {
    /// PostgreSQL is asked for TLS.
    Postgres,
    /// TLS from the first byte on.
    Tls,
}

/// Connects to `address` (`host:port`) with the files that `tls` names as they are now.
///
/// A server may refuse our certificate only after this, with its first answer: see [`Trouble::of`].
pub async fn connect(
    address: &str,
    tls: &ClientTls,
    opening: Opening,
) -> Result<TlsStream<TcpStream>, Trouble> {
    let config = ours(tls)?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|_| Trouble::Unreachable {
        address: address.to_owned(),
        kind: io::ErrorKind::InvalidInput,
    })?;
    let shaken = timeout(ANSWER_WITHIN, async {
        let mut stream = TcpStream::connect(address).await?;
        if opening == Opening::Postgres {
            let (asked, wanted) = POSTGRES_TLS;
            stream.write_all(&asked).await?;
            if stream.read_u8().await? != wanted {
                return Ok(None);
            }
        }
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.map(Some)
    });
    match shaken.await {
        Ok(Ok(Some(stream))) => Ok(stream),
        Ok(Ok(None)) => Err(Trouble::NoTls {
            address: address.to_owned(),
        }),
        Ok(Err(error)) => Err(Trouble::of(address, tls, &error)),
        Err(_late) => Err(Trouble::Silent {
            address: address.to_owned(),
        }),
    }
}

/// When the certificate of the server at the other end is good.
pub fn shown(stream: &TlsStream<TcpStream>) -> Option<Validity> {
    let (_, session) = stream.get_ref();
    validity_of(session.peer_certificates()?.first()?)
}

/// What we show and whom we trust; our certificate is looked at first, since servers say less about it.
pub(crate) fn ours(tls: &ClientTls) -> Result<rustls::ClientConfig, Trouble> {
    let unusable = |error: TlsError| Trouble::OursUnusable(error.to_string());
    let file = &tls.certificate_file;
    if !file.as_os_str().is_empty() {
        let validity = validity(file).map_err(unusable)?;
        if !validity.holds_at(now()) {
            return Err(Trouble::OursEnded {
                file: file.clone(),
                validity,
            });
        }
    }
    client_config(tls).map_err(unusable)
}

/// Certificates are good by the machine's clock, whatever the calendar says.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(clock::real::unix_millis()).unwrap_or_default()
}

impl Trouble {
    /// What an error of a connection to `address` means, for us who come with `tls`.
    pub fn of(address: &str, tls: &ClientTls, error: &(dyn Error + 'static)) -> Self {
        let address = address.to_owned();
        if let Some(error) = find::<rustls::Error>(error) {
            return Self::of_tls(address, tls, error);
        }
        match find::<io::Error>(error).map(io::Error::kind) {
            // Somebody was there, and went.
            None
            | Some(
                io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::InvalidData
                | io::ErrorKind::UnexpectedEof,
            ) => Self::Other {
                address,
                why: error.to_string(),
            },
            Some(kind) => Self::Unreachable { address, kind },
        }
    }

    fn of_tls(address: String, tls: &ClientTls, error: &rustls::Error) -> Self {
        match error {
            rustls::Error::AlertReceived(alert) => of_alert(address, &tls.certificate_file, *alert),
            rustls::Error::InvalidMessage(_) => Self::NoTls { address },
            rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => Self::TheirsEnded { address },
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => Self::TheirsStrange {
                address,
                ca_file: tls.ca_file.clone(),
            },
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Self::TheirsNamed { address },
            other => Self::Other {
                address,
                why: other.to_string(),
            },
        }
    }
}

fn of_alert(address: String, file: &Path, alert: AlertDescription) -> Trouble {
    let alert = format!("{alert:?}");
    if file.as_os_str().is_empty() {
        return Trouble::OursMissing { address, alert };
    }
    Trouble::OursRefused {
        address,
        file: file.to_owned(),
        alert,
    }
}

/// The error of type `E` that `error` is, holds, or comes from. An [`io::Error`] shows what it holds nowhere else.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref::<E>() {
        return Some(found);
    }
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => find(inner),
        None => find(error.source()?),
    }
}
