//! `GET /api/account`: everything that is kept of the caller, fifty entries of the journal at a time.

use std::process::ExitCode;

use shared::domain::{Export, ExportPage};
use shared::http::{Request, Response};
use shared::{AppState, Result};

fn main() -> ExitCode {
    shared::run(handle)
}

/// Exports everything that is stored of the caller.
///
/// Returns fifty entries of the journal at a time, and then the conversation: pass `next_cursor` as
/// `cursor` until it is null.
#[utoipa::path(
    get,
    path = "/api/account",
    operation_id = "account-export",
    tag = "accounts",
    security(("bearerAuth" = [])),
    params(ExportPage),
    responses((status = 200, description = "One page.", body = Export))
)]
async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let page: ExportPage = request.query().parse()?;

    let export = state.store.accounts().export(&token, page).await?;

    Response::ok(&export)
}
