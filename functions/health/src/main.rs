//! `GET /health`: reports whether the service works. Needs no token, and reveals only the status
//! and the version.
//!
//! If the cache is unavailable, the service is slower but complete, and the status is `degraded`.
//! If the database is unavailable, the status is `unhealthy`, and the HTTP status is 503.

use std::process::ExitCode;

use futures_util::future::join;
use serde::Serialize;
use shared::http::{Request, Response};
use shared::{AppState, Result};
use utoipa::ToSchema;

fn main() -> ExitCode {
    shared::run(handle)
}

/// Reports whether the service works.
///
/// If the cache is unavailable, the service is slower but complete, and the status is `degraded`.
/// If the database is unavailable, the status is `unhealthy`, and the HTTP status is 503.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "service",
    responses(
        (status = 200, description = "The service works, but may be degraded.", body = Health),
        (status = 503, description = "The service does not work, or does not respond in time.", body = Health),
    )
)]
async fn handle(state: &AppState, _request: Request) -> Result<Response> {
    let (redis, postgres) = join(state.store.cache.ping(), state.store.db.ping()).await;

    let status = match (redis, postgres) {
        (Ok(()), Ok(())) => Status::Healthy,
        (Err(_), Ok(())) => Status::Degraded,
        (_, Err(_)) => Status::Unhealthy,
    };

    Response::health(&Health { status, version: env!("CARGO_PKG_VERSION") }, status != Status::Unhealthy)
}

/// Whether the service works.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    #[schema(inline)]
    status: Status,
    /// The version of the service, such as `0.1.0`.
    version: &'static str,
}

/// `degraded` means that the cache or, in `HealthDetails`, the model is unavailable. `unhealthy`
/// means that the database is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}
