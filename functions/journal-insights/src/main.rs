//! `GET /api/journal/insights`: what the caller's journal tells about the last days, cached for five minutes or until the journal changes.

use std::process::ExitCode;

use shared::domain::{Insights, InsightsPeriod};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns the insights.
///
/// Describes the journal of the last days, in UTC. `mood_trend` is `improving` or `declining` if the
/// straight line through the days' averages rises or falls by half a point or more.
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
