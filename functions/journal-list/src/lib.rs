//! `GET /api/journal/entries`: a page of the caller's journal, or what comes after a cursor, cached for five minutes or until the journal
//! changes.

use shared::domain::ListQuery;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads `page` and `page_size` or `cursor` and `limit`, the filters, `fields` and `user_id`, and answers with that part.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let query: ListQuery = request.query().parse()?;
    token.must_belong_to(query.user_id)?;

    let page = state.store.journal().list(&token, &query).await?;

    Ok(Response::cacheable(page))
}
