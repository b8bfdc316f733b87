//! `POST /api/auth/refresh`: replaces the caller's session with a new one, which has a new token.
//!
//! The new session lasts 30 days, but ends no later than 180 days after the sign-in.

use std::process::ExitCode;

use shared::domain::Grant;
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Replaces the caller's session.
///
/// Opens a new session and ends the caller's. The new session lasts 30 days, but ends no later than
/// 180 days after the sign-in. Servers reject the old token at once, or within a minute if the
/// cache is unavailable.
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
