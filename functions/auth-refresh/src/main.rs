//! `POST /api/auth/refresh`: another token in the place of the caller's, which dies.
//!
//! A session that is refreshed lives 30 days longer, up to 180 days after its log-in.

use std::process::ExitCode;

use shared::domain::Grant;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Replaces the caller's session.
///
/// Opens a new session in the place of the caller's, whose token is no longer accepted.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    operation_id = "auth-refresh",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(("Idempotency-Key", Header)),
    responses((status = 200, description = "The new session.", body = Grant))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let key = request.last_idempotency_key(state, "auth-refresh", &token)?;

    let grant = state.store.sessions().refresh(&token, key.as_ref()).await?;

    Response::ok(&grant)
}
