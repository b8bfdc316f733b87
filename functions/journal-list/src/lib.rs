//! `GET /api/journal/entries`: a page of the caller's journal, or what comes after a cursor, cached for five minutes or until the journal
//! changes.

use shared::http::{Reply, Request};
use shared::store::{self, Listing};
use shared::{Result, State};

/// Reads `page` and `page_size` or `cursor` and `limit`, the filters, `fields` and `user_id`, and answers with that part.
///
/// # Errors
/// `unauthenticated`, `forbidden` for another user's id, `invalid_fields`, or `unavailable` when the database is needed and away.
pub async fn handle(state: &State, request: Request) -> Result<Reply> {
    let token = request.token()?;
    let (listing, user) = Listing::read(request.query())?;
    token.must_belong_to(user)?;

    let page = store::list_entries(state, &token, &listing).await?;

    Ok(Reply::cacheable(page))
}
