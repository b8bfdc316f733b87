//! `GET /api/journal/insights`: what the caller's journal tells about the last days, cached for five minutes or until the journal changes.

use shared::domain::InsightsPeriod;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads `days` and `user_id`, and answers with entries, moods, streak and tags.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let period: InsightsPeriod = request.query().parse()?;
    token.must_belong_to(period.user_id)?;

    let insights = state.store.journal().insights(&token, period).await?;

    Ok(Response::cacheable(insights))
}
