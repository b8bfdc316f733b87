//! Compresses the OpenAPI document, and assembles the pages of `/docs` and `/dashboard`. Each page
//! is one file with all of its scripts and styles. Its policy allows a browser to run nothing else.

use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::{env, fs, io};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

/// The document that `cargo xtask openapi` writes.
const DOCUMENT: &str = "../../docs/openapi.json";

fn main() -> Result<()> {
    let out = env::var_os("OUT_DIR").context("OUT_DIR is not set")?;
    let out = Path::new(&out);

    let style = format!("{}\n{}", distributed("swagger-ui.css")?, source("page.css")?);
    let (bundle, start) = (inlined(&distributed("swagger-ui-bundle.js")?), source("page.js")?);
    let html = source("page.html")?.replace("{{start}}", &start).replace("{{bundle}}", &bundle);
    page(&out.join("page"), &html, &style, &[&bundle, &start])?;

    let script = source("dashboard/page.js")?;
    let html = source("dashboard/page.html")?.replace("{{script}}", &script);
    page(&out.join("dashboard"), &html, &source("dashboard/page.css")?, &[&script])?;

    println!("cargo:rerun-if-changed={DOCUMENT}");
    fs::write(out.join("openapi.json.gz"), gzip(&fs::read_to_string(DOCUMENT)?)?)?;
    Ok(())
}

/// Reads a source file of this crate.
fn source(name: &str) -> Result<String> {
    println!("cargo:rerun-if-changed=src/{name}");
    fs::read_to_string(Path::new("src").join(name)).with_context(|| format!("cannot read {name}"))
}

/// Writes a compressed page, and its content security policy. The policy allows these inline
/// scripts, this inline style, and requests to this API.
fn page(path: &Path, html: &str, style: &str, scripts: &[&str]) -> Result<()> {
    let scripts: Vec<_> = scripts.iter().map(|script| hash(script)).collect();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'",
        scripts.join(" "),
        hash(style)
    );
    fs::write(path.with_extension("html.gz"), gzip(&html.replace("{{style}}", style))?)?;
    fs::write(path.with_extension("policy.txt"), policy)?;
    Ok(())
}

fn gzip(text: &str) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(text.as_bytes())?;
    packed.finish()
}

/// Reads a file of Swagger UI's distribution.
fn distributed(name: &str) -> Result<String> {
    let mut archive = ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    let ending = format!("/dist/{name}");
    let path = archive.file_names().flatten().find(|path| path.ends_with(&ending)).map(|path| path.into_owned());
    let path = path.with_context(|| format!("Swagger UI has no {name}"))?;
    let mut text = String::new();
    archive.by_name(&path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Returns a script that can be embedded in a page. Escapes what a parser of HTML would read as a
/// tag or a comment. The escape is valid because these texts occur only in strings and patterns.
fn inlined(script: &str) -> String {
    ["!--", "script", "/script"]
        .iter()
        .fold(script.to_owned(), |script, word| script.replace(&format!("<{word}"), &format!("\\x3C{word}")))
}

/// Returns the expression that allows an inline script or style in a policy (CSP level 3,
/// `hash-source`).
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}
