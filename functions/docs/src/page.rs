//! The pages, each in one piece, made by `build.rs`. They hold no data; what the dashboard shows, it asks `/health/detailed` for.

use shared::encoded_body::EncodedBody;
use shared::http::Response;

/// A page, compressed, and its policy: it runs and shows what it holds itself, known by its hashes, and asks nobody but this API.
macro_rules! page {
    ($name:literal) => {
        Response::page(
            EncodedBody::from_gzip(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".html.gz")).to_vec()),
            include_str!(concat!(env!("OUT_DIR"), "/", $name, ".policy.txt")),
        )
    };
}

/// The document, shown by Swagger UI.
pub(crate) fn docs() -> Response {
    page!("page")
}

/// How the service performs.
pub(crate) fn dashboard() -> Response {
    page!("dashboard")
}
