//! `POST /api/auth/refresh`: another token in the place of the caller's, which dies.
//!
//! A session that is refreshed lives 30 days longer, up to 180 days after its log-in.

use shared::http::{Reply, Request};
use shared::{Result, State, store};

/// Answers as a log-in does.
///
/// # Errors
/// `unauthenticated` when the session is over, also because it has been refreshed already; `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let key = request.last_idempotency_key(state, "auth-refresh", &token)?;

    let grant = store::refresh_session(state, &token, key.as_ref()).await?;

    Reply::ok(&grant)
}
