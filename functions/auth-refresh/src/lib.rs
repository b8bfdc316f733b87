//! `POST /api/auth/refresh`: another token in the place of the caller's, which dies.
//!
//! A session that is refreshed lives 30 days longer, up to 180 days after its log-in.

use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Answers as a log-in does.
///
/// # Errors
/// `unauthenticated` when the session is over, also because it has been refreshed already; `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let key = request.last_idempotency_key(state, "auth-refresh", &token)?;

    let grant = state.store.sessions().refresh(&token, key.as_ref()).await?;

    Response::ok(&grant)
}
