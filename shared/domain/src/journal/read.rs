//! Reading an entry, and the version of it that a client expects.

use encoded_body::EncodedBody;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Entry, EntryId, Journal, key};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::token::Token;

impl Journal<'_> {
    /// Returns one of the caller's entries.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::NotFound`] if the caller has
    /// no such entry, [`Error::Unavailable`] if the database is needed and unavailable.
    pub async fn entry(self, token: &Token, id: EntryId) -> Result<EncodedBody> {
        let key = key(token.user_id(), format_args!("entry:{id}"));
        let build = |rows: &[Row]| {
            let entry = rows.first().map(Entry::from_joined).transpose().map_err(Error::internal)?;
            entry.flatten().ok_or(Error::NotFound("entry"))
        };
        authenticated::cached_read(self.store, token, &key, &sql::journal::Entry { entry_id: id.0 }, build).await
    }

    /// Returns the version that has one of these tags (`If-Match`), or any version without tags.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] if the current version has none of the tags, and the errors of
    /// [`entry`](Self::entry).
    pub(super) async fn resolve_if_match(self, token: &Token, id: EntryId, tags: Option<&str>) -> Result<Precondition> {
        let Some(tags) = tags else { return Ok(Precondition::None) };
        let body = self.entry(token, id).await?;
        if !body.has_tag(tags) {
            return Err(Error::PreconditionFailed);
        }
        let (body, _) = body.into_body(false);
        // The parser's message is left out, because it would quote the user's text.
        let entry: Entry = serde_json::from_slice(&body).map_err(|_| Error::internal("an entry cannot be parsed"))?;
        Ok(Precondition::Unchanged(entry.updated_at))
    }
}

/// The version of an entry that a change is meant for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Precondition {
    /// Any version of the entry.
    None,
    /// The version with this `updated_at`.
    Unchanged(Timestamp),
}

impl Precondition {
    pub(super) fn version(self) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::Unchanged(since) => Some(since),
        }
    }

    /// Returns the error for a change that had no effect. An entry that had the expected version a
    /// moment ago has been changed or deleted since.
    pub(super) fn unmet(self) -> Error {
        match self {
            Self::None => Error::NotFound("entry"),
            Self::Unchanged(_) => Error::PreconditionFailed,
        }
    }
}
