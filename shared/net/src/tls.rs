//! The TLS configuration of clients. The certificate and the name of a server are always verified.

use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Returns a configuration that trusts the system's certificate authorities and these. Returns
/// `None` if there are no authorities.
pub fn config(more: impl IntoIterator<Item = CertificateDer<'static>>) -> Option<ClientConfig> {
    // Read once, because a start needs them more than once and they are about 140 files or one
    // large file.
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    // An error means that the process has already installed a provider, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = SYSTEM.get_or_init(system).clone();
    roots.add_parsable_certificates(more);
    (!roots.is_empty()).then(|| ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
