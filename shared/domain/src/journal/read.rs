//! One entry, and the version of it that a client has seen.

use encoded_body::EncodedBody;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Entry, EntryId, columns, key};
use crate::Token;
use crate::authenticated::{self, Read, authenticated_read};
use crate::error::{Error, Result};
use crate::store::Store;

pub(crate) const ENTRY: Read = authenticated_read!(
    "journal.entry",
    "SELECT session.*, e.* FROM session LEFT JOIN LATERAL (
        SELECT ",
    columns!(),
    "
        FROM journal_entries WHERE id = $3 AND user_id = $2
    ) e ON true"
);

/// An entry of the caller's.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::NotFound`] when the caller has no such entry,
/// [`Error::Unavailable`] when the database is needed and away.
pub async fn entry(store: &Store, token: &Token, id: EntryId) -> Result<EncodedBody> {
    let key = key(token.user_id(), format_args!("entry:{id}"));
    let build = |rows: &[Row]| {
        let entry = rows.first().map(Entry::from_joined).transpose().map_err(Error::internal)?;
        entry.flatten().ok_or(Error::NotFound("entry"))
    };
    authenticated::read(store, token, &key, ENTRY, &[(&id.0, Type::UUID)], build).await
}

/// Which version of an entry a change is meant for.
#[derive(Debug, Clone, Copy)]
pub enum Precondition {
    /// Whichever is there.
    None,
    /// The one that was last changed then.
    Unchanged(Timestamp),
}

impl Precondition {
    pub(super) fn version(self) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::Unchanged(since) => Some(since),
        }
    }

    /// Why nothing was changed. An entry that had the right version a moment ago has been changed or deleted since.
    pub(super) fn unmet(self) -> Error {
        match self {
            Self::None => Error::NotFound("entry"),
            Self::Unchanged(_) => Error::PreconditionFailed,
        }
    }
}

/// The version that has one of these tags (`If-Match`), or none in particular without them.
///
/// # Errors
/// [`Error::PreconditionFailed`] when the present version has another tag; else as [`entry`].
pub async fn expect(store: &Store, token: &Token, id: EntryId, tags: Option<&str>) -> Result<Precondition> {
    let Some(tags) = tags else { return Ok(Precondition::None) };
    let document = entry(store, token, id).await?;
    if !document.has_tag(tags) {
        return Err(Error::PreconditionFailed);
    }
    let (body, _) = document.into_body(false);
    // Without the parser's message, which would quote what a person wrote.
    let entry: Entry = serde_json::from_slice(&body).map_err(|_| Error::internal("an entry cannot be read"))?;
    Ok(Precondition::Unchanged(entry.updated_at))
}
