//! A certificate authority for one directory, and the server certificate that it signs.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::server_dir::write_private;
use crate::unprivileged_user::UnprivilegedUser;
use crate::{Error, Result};

/// Returns the file of the authority's certificate. Creates the certificates of the authority and
/// of the server if they do not exist. `user` is the user that the server runs as, and becomes the
/// owner of its key.
///
/// # Errors
/// Returns an error if the certificates cannot be created or written.
pub(crate) fn ensure(dir: &Path, user: Option<UnprivilegedUser>) -> Result<PathBuf> {
    let ca_file = dir.join("ca.pem");
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

    let certificate = dir.join("server.pem");
    fs::write(&certificate, server_certificate.pem()).map_err(Error::path("write", &certificate))?;
    write_private(&dir.join("server.key"), &server_key.serialize_pem(), user)?;
    // This file is written last, because its presence shows that the others are complete.
    fs::write(&ca_file, authority_certificate.pem()).map_err(Error::path("write", &ca_file))?;
    Ok(ca_file)
}

/// Returns the files of the server's certificate, its key, and the authority's certificate. They
/// are in the same directory as `data`.
pub(crate) fn files(data: &Path) -> [PathBuf; 3] {
    ["server.pem", "server.key", "ca.pem"].map(|name| data.with_file_name(name))
}
