//! `GET /api/journal/insights`: what the caller's journal tells about the last days, cached for five minutes or until the journal changes.

use shared::http::{Reply, Request};
use shared::store::{self, InsightsPeriod};
use shared::{Result, State};

/// Reads `days` and `user_id`, and answers with entries, moods, streak and tags.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let (period, user) = InsightsPeriod::read(request.query())?;
    token.must_belong_to(user)?;

    let insights = store::journal_insights(state, &token, period).await?;

    Ok(Reply::cacheable(insights))
}
