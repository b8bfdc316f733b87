//! A certificate authority for one folder, and the server certificate that it signs.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::folder::write_private;
use crate::{Error, Result};

/// The authority's certificate, after making it and the server's if there are none.
///
/// # Errors
/// The certificates cannot be made or written.
pub(super) fn ensure(folder: &Path) -> Result<PathBuf> {
    let ca_file = folder.join("ca.pem");
    if ca_file.exists() {
        return Ok(ca_file);
    }
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Kai local authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;

    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "Kai local server");
    let server_key = KeyPair::generate()?;
    let server_certificate = server.signed_by(&server_key, &Issuer::new(authority, authority_key))?;

    let certificate = folder.join("server.pem");
    fs::write(&certificate, server_certificate.pem()).map_err(Error::path("write", &certificate))?;
    write_private(&folder.join("server.key"), &server_key.serialize_pem(), None)?;
    // Last, because its presence says that the others are complete.
    fs::write(&ca_file, authority_certificate.pem()).map_err(Error::path("write", &ca_file))?;
    Ok(ca_file)
}

/// The directives of `redis.conf` that name the files. `keys` is the folder beside which they lie.
pub(super) fn directives(keys: &Path) -> [(&'static str, PathBuf); 3] {
    [
        ("tls-cert-file", keys.with_file_name("server.pem")),
        ("tls-key-file", keys.with_file_name("server.key")),
        ("tls-ca-cert-file", keys.with_file_name("ca.pem")),
    ]
}
