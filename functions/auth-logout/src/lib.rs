//! `POST /api/auth/logout`: ends every session of the account, or with `?scope=this` the caller's own.
//!
//! Success means that no environment accepts them any more. When the cache cannot be told so, the answer is 503: the sessions are over
//! in the database, and the outbox finishes the rest within a minute.

use serde::Serialize;
use serde_json::Value;
use shared::domain::RevocationScope;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// The answer.
#[derive(Debug, Serialize)]
pub struct LoggedOut {
    /// For people.
    pub message: &'static str,
}

/// Ends the sessions.
///
/// # Errors
/// `unauthenticated` when the session is over already, `unavailable` when the database is or the cache could not be told.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let mut query = request.query();
    let scope = query.optional("scope", scope);
    let scope = query.finish(Some(scope.unwrap_or(RevocationScope::All)))?;
    let key = request.last_idempotency_key(state, "auth-logout", &token)?;

    state.store.sessions().revoke(&token, scope, key.as_ref()).await?;

    Response::ok(&LoggedOut { message: "Successfully logged out" })
}

fn scope(value: &Value) -> Result<RevocationScope, &'static str> {
    match value.as_str() {
        Some("all") => Ok(RevocationScope::All),
        Some("this") => Ok(RevocationScope::This),
        _ => Err("must be all or this"),
    }
}
