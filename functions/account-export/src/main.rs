//! `GET /api/account`: exports all data stored about the caller, page by page.

use std::process::ExitCode;

use shared::domain::{Export, ExportPage};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Exports all data of the account.
///
/// Returns a page of everything that is stored about the caller. Every page contains the account,
/// the profile and the sessions. The first pages contain the journal, 50 entries at a time. The
/// pages after them contain the conversation, 100 messages at a time. Both are sorted newest first.
/// Pass `next_cursor` as `cursor` until it is null.
#[utoipa::path(
    get,
    path = "/api/account",
    operation_id = "account-export",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(ExportPage),
    responses((status = 200, description = "A page of the export.", body = Export))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let page: ExportPage = request.query().parse()?;

    let export = state.store.accounts().export(&token, page).await?;

    Response::ok(&export)
}
