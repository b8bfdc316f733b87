//! `GET /api/journal/insights`: summarizes the caller's journal over the last `days` days. The
//! summary is cached for five minutes or until the journal changes.

use std::process::ExitCode;

use shared::domain::{Insights, InsightsPeriod};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns insights from the journal.
///
/// Summarizes the entries of the last `days` days: the moods, the writing streak, and the most used
/// tags. Days are in UTC. `mood_trend` is `improving` or `declining` if a straight line fitted to
/// the daily averages rises or falls by 0.5 or more.
#[utoipa::path(
    get,
    path = "/api/journal/insights",
    operation_id = "journal-insights",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("If-None-Match", Header), InsightsPeriod),
    responses((status = 200, description = "The insights.", body = Insights), (status = 403, description = "forbidden"))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let period: InsightsPeriod = request.query().parse()?;
    token.must_belong_to(period.user_id)?;

    let insights = state.store.journal().insights(&token, period).await?;

    Ok(Response::cacheable(insights))
}
