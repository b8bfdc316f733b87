//! Whom a server has to be vouched for by. Its name is always verified.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Trusts the system's authorities and these. None when there are none at all.
pub(crate) fn config(more: impl IntoIterator<Item = CertificateDer<'static>>) -> Option<ClientConfig> {
    // `false` means that the process has chosen its provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(more);
    (!roots.is_empty()).then(|| ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
