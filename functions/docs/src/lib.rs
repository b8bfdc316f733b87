//! `GET /`, `GET /docs`, `GET /openapi.json`, `GET /dashboard`: what the API is and how to see it perform, for people and for programs. Open to
//! everybody, and the same for all.

mod openapi;
mod page;

use serde::Serialize;
use shared::Result;
use shared::encoded_body::EncodedBody;
use shared::error::Error;
use shared::http::{Request, Response};
use utoipa::ToSchema;

pub use self::openapi::document;

/// The service and its release.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// What answers.
    pub message: &'static str,
    /// The release.
    pub version: &'static str,
    /// Where the API is described.
    pub docs: &'static str,
}

/// The document as `docs/openapi.json` has it, compressed by `build.rs`. What makes it is as large as a tenth of the function, so it stays out; a
/// test holds the two together.
const OPENAPI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// Answers by the route.
///
/// # Errors
/// None that a client can cause.
pub async fn handle(request: Request) -> Result<Response> {
    match request.endpoint().as_str() {
        "GET /openapi.json" => Ok(Response::public(EncodedBody::from_gzip(OPENAPI.to_vec()))),
        "GET /docs" => Ok(page::docs()),
        "GET /dashboard" => Ok(page::dashboard()),
        _ => {
            let index = Index { message: "Kai API", version: env!("CARGO_PKG_VERSION"), docs: "/docs" };
            Ok(Response::public(EncodedBody::new(&index).map_err(Error::internal)?))
        }
    }
}
