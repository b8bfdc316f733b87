//! `GET /health`: whether the service can do its work. Open to everybody; tells nothing but a word.
//!
//! Without Redis the service is slower but whole: `degraded`. Without Postgres it is `unhealthy`, and the status is 503.

use futures_util::future::join;
use serde::Serialize;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Health {
    /// `healthy`, `degraded` or `unhealthy`.
    pub status: &'static str,
    /// The release.
    pub version: &'static str,
}

/// Asks both backends at once.
///
/// # Errors
/// None of theirs: a backend that is away is the answer.
pub async fn handle(state: &AppState, _request: Request) -> Result<Response> {
    let (redis, postgres) = join(state.store.cache.ping(), state.store.db.ping()).await;

    let status = match (redis, postgres) {
        (Ok(()), Ok(())) => "healthy",
        (Err(_), Ok(())) => "degraded",
        (_, Err(_)) => "unhealthy",
    };

    Response::health(&Health { status, version: env!("CARGO_PKG_VERSION") }, status != "unhealthy")
}
