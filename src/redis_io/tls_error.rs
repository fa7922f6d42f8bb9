//! What goes wrong with TLS, in words that say what to do.

use rustls::{AlertDescription, CertificateError, Error, pki_types::UnixTime};
use std::io;

/// Why a TLS connection failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TlsError {
    text: String,
    permanent: bool,
}

impl TlsError {
    pub(super) fn new(error: &Error) -> Self {
        let (text, permanent) = match error {
            Error::InvalidCertificate(error) => (certificate(error), true),
            Error::AlertReceived(alert) => refused(*alert),
            Error::InvalidMessage(_) => (
                "the server does not speak TLS there; use the port that its tls-port names, or redis:// without TLS"
                    .to_owned(),
                true,
            ),
            Error::PeerIncompatible(why) => {
                (format!("the server and this program have no way of TLS in common ({why:?})"), true)
            }
            error => (format!("TLS: {error}"), false),
        };
        Self { text, permanent }
    }

    /// The host of the URL cannot be a name in a certificate.
    pub(super) fn host(host: &str) -> Self {
        let text = format!("{} is no host name that a certificate could be for", host.escape_debug());
        Self { text, permanent: true }
    }

    /// Nothing was loaded to make TLS connections with.
    pub(super) fn unprepared() -> Self {
        Self {
            text: "TLS (rediss://) is not supported by this command; use redis:// or redis+unix://".to_owned(),
            permanent: true,
        }
    }

    /// The handshake has taken too long.
    pub(super) fn silent() -> Self {
        let text = "the server did not answer the TLS handshake in time; does it speak TLS there (tls-port)?";
        Self { text: text.to_owned(), permanent: false }
    }

    /// As an error of the socket. Not [`io::ErrorKind::InvalidData`], which is for replies that are too large.
    pub(super) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionAborted, self)
    }

    /// Whether this is a TLS error that only a person can fix.
    #[must_use]
    pub fn is_permanent(error: &io::Error) -> bool {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).is_some_and(|error| error.permanent)
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the server's certificate is of no authority that is trusted here; name the file of its CA in redis.tls_ca"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the server's certificate is not for {}, but for {}; use a name that it has, in redis.url",
            expected.to_str(),
            if presented.is_empty() { "nobody".to_owned() } else { presented.join(", ") }
        ),
        CertificateError::NotValidForName => {
            "the server's certificate is not for this host; use a name that it has, in redis.url".to_owned()
        }
        CertificateError::ExpiredContext { time, not_after } => {
            format!(
                "the server's certificate has expired {} ago; renew it, or see to this host's clock",
                since(*not_after, *time)
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate is not valid for another {}; see to this host's clock",
            since(*time, *not_before)
        ),
        CertificateError::Expired => "the server's certificate has expired; renew it".to_owned(),
        error => format!("the server's certificate is not good: {error}"),
    }
}

fn since(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What the server had against the handshake, and whether that is for good.
fn refused(alert: AlertDescription) -> (String, bool) {
    use AlertDescription as Alert;
    let files = "redis.tls_cert and redis.tls_key";
    match alert {
        Alert::CertificateRequired => (format!("the server wants a client certificate; name one in {files}"), true),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => {
            (format!("the server does not take the client certificate ({alert:?}); see to {files}"), true)
        }
        // Before TLS 1.3 also the word for a client certificate that is missing.
        Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity => (
            format!("the server refused the TLS handshake ({alert:?}); does it want a client certificate ({files})?"),
            true,
        ),
        alert => (format!("the server ended the TLS connection ({alert:?})"), false),
    }
}
