//! `GET /api/account`: everything that is kept of the caller, fifty entries of the journal at a time.

use shared::domain::ExportPage;
use shared::http::{Request, Response};
use shared::{AppState, Result};

/// Reads `cursor`, and answers with account, profile, sessions and a part of the journal.
///
/// # Errors
/// `unauthenticated`, `invalid_fields`, or `unavailable` when the database is.
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let page: ExportPage = request.query().parse()?;

    let export = state.store.accounts().export(&token, page).await?;

    Response::ok(&export)
}
