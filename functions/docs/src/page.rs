//! The page that shows the document: Swagger UI in one piece, made by `build.rs`.

use shared::document::Document;
use shared::http::Reply;

/// The page, compressed.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));
/// It runs and shows what it holds itself, known by its hashes, and asks nobody but this API.
const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/policy.txt"));

pub(crate) fn reply() -> Reply {
    Reply::page(Document::from_gzip(PAGE.to_vec()), POLICY)
}
