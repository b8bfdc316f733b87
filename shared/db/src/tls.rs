//! The TLS configuration of connections to the database.

use net::tls;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Error;

/// The certificate authorities of Amazon RDS, in PEM. They sign the certificates of RDS servers and
/// are in no system's trust store. RDS proxies have certificates of public authorities.
pub const AUTHORITIES_OF_RDS: &[u8] = include_bytes!("rds.pem");

/// Creates a connector that trusts the system's authorities, and those of RDS for a host of RDS.
pub(super) fn connector(of_rds: bool) -> Result<MakeRustlsConnect, Error> {
    let more = of_rds.then(authorities_of_rds).into_iter().flatten();
    let config =
        tls::config(more).ok_or_else(|| Error::lost("there are no certificate authorities to verify the server"))?;
    Ok(MakeRustlsConnect::new(config))
}

fn authorities_of_rds() -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(AUTHORITIES_OF_RDS).flatten()
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;

    use super::*;

    #[test]
    fn every_authority_of_rds_is_trusted() {
        let mut roots = RootCertStore::empty();
        let (trusted, ignored) = roots.add_parsable_certificates(authorities_of_rds());
        assert_eq!((trusted, ignored), (81, 0));
        assert_eq!(AUTHORITIES_OF_RDS.windows(11).filter(|text| text == b"-----BEGIN ").count(), 81);
    }
}
