//! The certificates for TLS connections: trusted authorities and our own. Read from files once, at start.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::path::{Path, PathBuf};
use std::{fmt, io, sync::Arc};

/// Trusted authorities and our own certificate. The server's certificate and host name are always verified.
#[derive(Clone)]
pub struct Tls(pub(super) Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The files, each in PEM form.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsFiles<'a> {
    /// Certificates of the trusted authorities; those of the system if not given.
    pub ca: Option<&'a Path>,
    /// Our certificate with its chain and its private key, if the server requires one.
    pub client: Option<(&'a Path, &'a Path)>,
}

/// Why no TLS connection can be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file is missing or not readable.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no {wanted} in PEM form (-----BEGIN …-----)", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// A certificate cannot be used.
    #[error("{}: {reason}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// This system has no trusted certificates.
    #[error("this system has no trusted certificates (install ca-certificates, or name a CA file){0}")]
    System(String),
}

impl Tls {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// [`TlsFilesError`] names the file.
    pub fn load(files: TlsFiles<'_>) -> Result<Self, TlsFilesError> {
        let roots = match files.ca {
            Some(path) => authorities(path)?,
            None => system_authorities()?,
        };
        let provider = Arc::new(ring::default_provider());
        let unusable = |path: &Path, error: rustls::Error| TlsFilesError::Unusable {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(Path::new("TLS"), error))?
            .with_root_certificates(roots);
        let config = match files.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| content(key, "private key", e))?;
                let chain = certificates(certificate)?;
                builder.with_client_auth_cert(chain, key_der).map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => TlsFilesError::Unusable {
                        path: key.to_owned(),
                        reason: format!("is not the private key of {}", certificate.display()),
                    },
                    error => unusable(certificate, error),
                })?
            }
        };
        Ok(Self(Arc::new(config)))
    }
}

/// The trusted authorities as certificates in DER form: those of a PEM file, or of the system. Blocks.
///
/// # Errors
/// [`TlsFilesError`] names the file.
pub fn trusted(ca: Option<&Path>) -> Result<Vec<Vec<u8>>, TlsFilesError> {
    let all = match ca {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    Ok(all.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// Leaves out the parser's own words: they quote the file, which may be a key.
fn content(path: &Path, wanted: &'static str, error: pem::Error) -> TlsFilesError {
    match error {
        pem::Error::Io(source) => TlsFilesError::Read { path: path.to_owned(), source },
        _ => TlsFilesError::Content { path: path.to_owned(), wanted },
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all = all.map_err(|error| content(path, "certificate", error))?;
    if all.is_empty() {
        return Err(TlsFilesError::Content { path: path.to_owned(), wanted: "certificate" });
    }
    Ok(all)
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsFilesError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let unusable =
            |error: rustls::Error| TlsFilesError::Unusable { path: path.to_owned(), reason: error.to_string() };
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, TlsFilesError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A system's bundle may hold some that nobody can read; they are nobody's authority then.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(TlsFilesError::System(why));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_the_file_and_not_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let good = write("good.pem", &own.cert.pem());
        let key = write("key.pem", &own.signing_key.serialize_pem());
        let foreign = write("foreign.pem", &other.signing_key.serialize_pem());
        let junk = write("junk.pem", "-----BEGIN s3cret\ns3cret");
        let der = write("der.pem", "-----BEGIN CERTIFICATE-----\nczNjcmV0\n-----END CERTIFICATE-----\n");
        let (absent, empty) = (dir.path().join("absent.pem"), write("empty.pem", ""));
        let ca = |path: &Path| Tls::load(TlsFiles { ca: Some(path), client: None });
        let client = |cert: &Path, key: &Path| Tls::load(TlsFiles { ca: Some(&good), client: Some((cert, key)) });
        assert!(ca(&good).is_ok() && client(&good, &key).is_ok());
        for (result, words) in [
            (ca(&absent), ["cannot read ", "absent.pem: No such file"]),
            (ca(&junk), ["junk.pem holds no certificate", "PEM"]),
            (ca(&empty), ["empty.pem holds no certificate", "PEM"]),
            (ca(&key), ["key.pem holds no certificate", "PEM"]),
            (ca(&der), ["der.pem: ", "certificate"]),
            (client(&good, &absent), ["cannot read ", "absent.pem"]),
            (client(&good, &good), ["good.pem holds no private key", "PEM"]),
            (client(&good, &junk), ["junk.pem holds no private key", "PEM"]),
            (client(&good, &foreign), ["foreign.pem: is not the private key of ", "good.pem"]),
        ] {
            let text = result.unwrap_err().to_string();
            assert!(words.iter().all(|word| text.contains(word)) && !text.contains("s3cret"), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
