//! `GET /api/chat/history`: what the caller and Kai have said, cached for half an hour or until something is said.

use shared::domain::HistoryPage;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads `limit`, `before` and `user_id`, and answers with that part of the conversation, oldest first.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let page: HistoryPage = request.query().parse()?;
    token.must_belong_to(page.user_id)?;

    let history = state.store.conversation().history(&token, page).await?;

    Ok(Response::cacheable(history))
}
