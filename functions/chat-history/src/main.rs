//! `GET /api/chat/history`: returns a page of the caller's conversation, which is cached for 30
//! minutes or until the conversation changes.

use std::process::ExitCode;

use shared::domain::{History, HistoryPage};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Returns a page of the conversation.
///
/// Returns the latest messages, oldest first. To get the messages before them, pass `next_cursor`
/// as `before`.
#[utoipa::path(
    get,
    path = "/api/chat/history",
    operation_id = "chat-history",
    tag = "chat",
    security(("bearerAuth" = [])),
    params(("If-None-Match", Header), HistoryPage),
    responses(
        (status = 200, description = "A page of messages.", body = History),
        (status = 403, description = "forbidden"),
    )
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let page: HistoryPage = request.query().parse()?;
    token.must_belong_to(page.user_id)?;

    let history = state.store.conversation().history(&token, page).await?;

    Ok(Response::cacheable(history))
}
