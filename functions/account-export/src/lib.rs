//! `GET /api/account`: everything that is kept of the caller, fifty entries of the journal at a time.

use shared::http::{Reply, Request};
use shared::store::{self, ExportPage};
use shared::{Result, State};

/// Reads `cursor`, and answers with account, profile, sessions and a part of the journal.
///
/// # Errors
/// `unauthenticated`, `invalid_fields`, or `unavailable` when the database is.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let page = ExportPage::read(request.query())?;

    let export = store::export_account(state, &token, page).await?;

    Reply::ok(&export)
}
