//! Whom a server has to be vouched for by. Its name is always verified.

use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Trusts the system's authorities and these. None when there are none at all.
pub fn config(more: impl IntoIterator<Item = CertificateDer<'static>>) -> Option<ClientConfig> {
    // Read once: a start asks for them more than once, and they are some hundred and forty files or one long one.
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    // `false` means that the process has chosen its provider already, which is as good.
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
