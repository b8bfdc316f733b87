//! `GET /`, `GET /docs`, `GET /openapi.json`: what the API is, for people and for programs. Open to everybody, and the same for all.

mod openapi;
mod page;

use std::sync::LazyLock;

use serde::Serialize;
use shared::document::Document;
use shared::error::Error;
use shared::http::{Reply, Request};
use shared::{Result, State};
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

/// Made by the first request for it, and the same until the environment ends.
static OPENAPI: LazyLock<Result<Document, serde_json::Error>> = LazyLock::new(|| Document::new(&document()));

/// Answers by the route.
///
/// # Errors
/// None that a client can cause.
pub async fn handle(_state: &State, request: Request) -> Result<Reply> {
    match request.endpoint().as_str() {
        "GET /openapi.json" => {
            let document = OPENAPI.as_ref().map_err(|error| Error::internal(error.to_string()))?;
            Ok(Reply::public(document.clone()))
        }
        "GET /docs" => Ok(page::reply()),
        _ => {
            let index = Index { message: "Kai API", version: env!("CARGO_PKG_VERSION"), docs: "/docs" };
            Ok(Reply::public(Document::new(&index).map_err(Error::internal)?))
        }
    }
}
