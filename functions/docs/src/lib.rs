//! `GET /`, `GET /docs`, `GET /openapi.json`, `GET /dashboard`: what the API is and how to see it perform, for people and for programs. Open to
//! everybody, and the same for all.

use serde::Serialize;
use shared::Result;
use shared::encoded_body::EncodedBody;
use shared::error::Error;
use shared::http::{Request, Response};
use utoipa::ToSchema;

/// The document of `docs/openapi.json`, compressed by `build.rs`. `cargo xtask openapi` writes the
/// file.
const OPENAPI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));

/// A page that `build.rs` has made, with its policy. The page is in one piece and has no data: it
/// runs and shows only what it contains, known by its hashes, and sends requests only to this API.
macro_rules! page {
    ($name:literal) => {
        Response::page(
            EncodedBody::from_gzip(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".html.gz")).to_vec()),
            include_str!(concat!(env!("OUT_DIR"), "/", $name, ".policy.txt")),
        )
    };
}

/// Responds by the route.
///
/// # Errors
/// None that a client can cause.
pub async fn handle(request: Request) -> Result<Response> {
    match request.endpoint().as_str() {
        "GET /openapi.json" => Ok(document()),
        "GET /docs" => Ok(docs()),
        "GET /dashboard" => Ok(dashboard()),
        _ => index(),
    }
}

/// Names the service.
///
/// Returns the name of the service and its release.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "docs-index",
    tag = "service",
    params(("If-None-Match", Header)),
    responses((status = 200, description = "The service.", body = Index))
)]
fn index() -> Result<Response> {
    let index = Index { message: "Kai API", version: env!("CARGO_PKG_VERSION"), docs: "/docs" };
    Ok(Response::public(EncodedBody::new(&index).map_err(Error::internal)?))
}

/// The service and its release.
#[derive(Debug, Serialize, ToSchema)]
pub struct Index {
    /// The name of the API.
    pub message: &'static str,
    /// The release.
    pub version: &'static str,
    /// The path of the page that describes the API.
    pub docs: &'static str,
}

/// Shows this document.
///
/// A page that shows the OpenAPI document. It loads nothing from elsewhere.
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

/// Shows how the service performs.
///
/// A page that shows what `GET /health/detailed` returns. It asks for the operator's key where the
/// service needs one.
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

/// Returns this document.
///
/// Returns the OpenAPI document as JSON.
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

/// An OpenAPI document.
#[derive(Debug, ToSchema)]
pub struct Document {
    /// The version of OpenAPI.
    #[schema(pattern = r"^3\.1\.\d+$")]
    pub openapi: String,
}
