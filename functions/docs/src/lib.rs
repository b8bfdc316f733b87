//! `GET /`, `GET /docs`, `GET /openapi.json` and `GET /dashboard`: the description of the API, and
//! the dashboard. They need no token, and are the same for all clients.

use serde::Serialize;
use shared::Result;
use shared::encoded_body::EncodedBody;
use shared::error::Error;
use shared::http::{Request, Response};
use utoipa::ToSchema;

/// The OpenAPI document, compressed by `build.rs`. `cargo xtask openapi` writes
/// `docs/openapi.json`.
const OPENAPI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// Returns a page that `build.rs` has assembled, with its policy.
///
/// The page is self-contained and has no data. It runs and shows only what it contains, identified
/// by hashes, and sends requests only to this API.
macro_rules! page {
    ($name:literal) => {
        Response::page(
            EncodedBody::from_gzip(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".html.gz")).to_vec()),
            include_str!(concat!(env!("OUT_DIR"), "/", $name, ".policy.txt")),
        )
    };
}

/// Responds to the route of the request.
///
/// # Errors
/// The response cannot be serialized. A client cannot cause an error.
pub async fn handle(request: Request) -> Result<Response> {
    match request.endpoint().as_str() {
        "GET /openapi.json" => Ok(document()),
        "GET /docs" => Ok(docs()),
        "GET /dashboard" => Ok(dashboard()),
        _ => index(),
    }
}

/// Returns the name and the version of the API.
///
/// Also returns the path of the page that documents the API.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "docs-index",
    tag = "service",
    params(("If-None-Match", Header)),
    responses((status = 200, description = "The name and the version.", body = Index))
)]
fn index() -> Result<Response> {
    let index = Index { message: "Kai API", version: env!("CARGO_PKG_VERSION"), docs: "/docs" };
    Ok(Response::public(EncodedBody::new(&index).map_err(Error::internal)?))
}

/// The name and the version of the API.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// The name of the API.
    pub message: &'static str,
    /// The version of the service, such as `0.1.0`.
    pub version: &'static str,
    /// The path of the page that documents the API.
    pub docs: &'static str,
}

/// Returns this document as a web page.
///
/// The page shows the OpenAPI document in a browser. It loads nothing from other servers.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "service",
    params(("If-None-Match", Header)),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html; charset=utf-8"))
)]
fn docs() -> Response {
    page!("page")
}

/// Returns the dashboard as a web page.
///
/// The page shows the response of `GET /health/detailed` in a browser. It asks for the operator key
/// if the service requires one.
#[utoipa::path(
    get,
    path = "/dashboard",
    operation_id = "docs-dashboard",
    tag = "service",
    params(("If-None-Match", Header)),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html; charset=utf-8"))
)]
fn dashboard() -> Response {
    page!("dashboard")
}

/// Returns this document as JSON.
///
/// Returns the OpenAPI document that describes this API.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "docs-openapi",
    tag = "service",
    params(("If-None-Match", Header)),
    responses((status = 200, description = "The document.", body = inline(Document)))
)]
fn document() -> Response {
    Response::public(EncodedBody::from_gzip(OPENAPI.to_vec()))
}

/// An OpenAPI document in JSON.
#[derive(Debug, ToSchema)]
pub struct Document {
    /// The version of the OpenAPI specification.
    #[schema(pattern = r"^3\.1\.\d+$")]
    pub openapi: String,
}
