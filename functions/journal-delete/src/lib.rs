//! `DELETE /api/journal/entries/{entry_id}`: deletes an entry of the caller's, for good.
//!
//! Drops what is cached of the journal before it answers.

use shared::http::{Request, Response};
use shared::{AppState, Result, domain};

/// Deletes an entry.
///
/// Deletes an entry of the caller's, for good. With `If-Match`, only the version of that `ETag` is
/// deleted.
#[utoipa::path(
    delete,
    path = "/api/journal/entries/{entry_id}",
    operation_id = "journal-delete",
    tag = "journal",
    security(("bearerAuth" = [])),
    params(("entry_id", Path), ("If-Match", Header), ("Idempotency-Key", Header)),
    responses((status = 204, description = "The entry is deleted."), (status = 404, description = "not_found"))
)]
pub async fn handle(state: &AppState, request: Request) -> Result<Response> {
    let token = request.token()?;
    let id = request.path_entry_id()?;
    let key = request.idempotency_key(state, "journal-delete")?;
    let if_match = request.if_match()?;

    let deleted = async {
        let precondition = domain::expect(&state.store, &token, id, if_match).await?;
        let guard = domain::begin_journal_write(&state.store, token.user_id()).await?;
        domain::delete_entry(&state.store, guard, &token, id, precondition, key.as_ref()).await
    };
    domain::or_replay(&state.store, &token, key.as_ref(), deleted.await).await?;

    Ok(Response::no_content())
}
