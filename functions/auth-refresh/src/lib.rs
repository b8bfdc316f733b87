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

    let guard = store::begin_session_write(state, token.user_id()).await?;
    let grant = store::refresh_session(state, guard, &token).await?;

    Reply::ok(&grant)
}
