//! `DELETE /api/chat/session/{user_id}`: forgets the caller's conversation, and what the model has answered in it. Repeatable.

use serde::Serialize;
use shared::domain::UserId;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// The answer.
#[derive(Debug, Serialize)]
pub struct Cleared {
    /// Always `session cleared`.
    pub status: &'static str,
    /// Whose conversation it was.
    pub user_id: UserId,
}

/// Deletes the conversation, if there is one.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    token.must_belong_to(Some(request.path_user_id()?))?;
    let key = request.idempotency_key(state, "chat-clear")?;

    state.store.conversation().clear(&token, key.as_ref()).await?;

    Response::ok(&Cleared { status: "session cleared", user_id: token.user_id() })
}
