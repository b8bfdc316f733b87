//! A certificate authority for one folder, and the server certificate that it signs.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::account::Account;
use crate::folder::write_private;
use crate::{Error, Result};

/// The authority's certificate, after making it and the server's if there are none. The server's key belongs to the account that it runs as.
///
/// # Errors
/// The certificates cannot be made or written.
pub(crate) fn ensure(folder: &Path, account: Option<Account>) -> Result<PathBuf> {
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
    write_private(&folder.join("server.key"), &server_key.serialize_pem(), account)?;
    // Last, because its presence says that the others are complete.
    fs::write(&ca_file, authority_certificate.pem()).map_err(Error::path("write", &ca_file))?;
    Ok(ca_file)
}

/// The server's certificate, its key, and the authority's certificate. They lie beside `data`.
pub(crate) fn files(data: &Path) -> [PathBuf; 3] {
    ["server.pem", "server.key", "ca.pem"].map(|name| data.with_file_name(name))
}
