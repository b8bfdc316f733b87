//! Creating, changing and deleting an entry. Every write drops all cached records of the caller's
//! journal.

use cache::WriteGuard;
use serde::de::DeserializeOwned;

use super::{Entry, EntryId, EntryPatch, Journal, NewEntry};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::families::LISTS;
use crate::idempotency::{Empty, IdempotencyKey, or_replay};
use crate::idempotent_write;
use crate::query::{Query, WriteContext, sql};
use crate::token::Token;

impl Journal<'_> {
    /// Creates an entry, and returns it. With an `Idempotency-Key`, a repetition creates nothing
    /// and gets the first result.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::IdempotencyKeyReused`], or
    /// [`Error::Unavailable`] if the database is unavailable.
    pub async fn create(self, token: &Token, entry: &NewEntry, key: Option<&IdempotencyKey>) -> Result<Entry> {
        let entry = self.write(token, key, &entry.creation()).await?;
        entry.ok_or_else(|| Error::internal("the new entry was not returned"))
    }

    /// Changes one of the caller's entries, and returns its new version.
    ///
    /// `if_match` contains the entity tags of the versions that the change is meant for. With an
    /// `Idempotency-Key`, a repetition changes nothing and gets the first result.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::NotFound`] if the caller has
    /// no such entry, [`Error::PreconditionFailed`] if the current version has none of the tags,
    /// [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] if the database is unavailable.
    pub async fn update(
        self,
        token: &Token,
        id: EntryId,
        patch: &EntryPatch,
        if_match: Option<&str>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Entry> {
        let updated = async {
            let precondition = self.resolve_if_match(token, id, if_match).await?;
            self.write(token, key, &patch.update(id, precondition.version())).await?.ok_or_else(|| precondition.unmet())
        };
        or_replay(self.store, token, key, updated.await).await
    }

    /// Deletes one of the caller's entries permanently. `if_match` and `key` have the same meaning
    /// as for [`update`](Self::update).
    ///
    /// # Errors
    /// The errors of [`update`](Self::update).
    pub async fn delete(
        self,
        token: &Token,
        id: EntryId,
        if_match: Option<&str>,
        key: Option<&IdempotencyKey>,
    ) -> Result<()> {
        let deleted = async {
            let precondition = self.resolve_if_match(token, id, if_match).await?;
            let delete = sql::journal::Delete { entry_id: id.0, version: precondition.version() };
            self.write::<_, Empty>(token, key, &delete).await?.ok_or_else(|| precondition.unmet())
        };
        or_replay(self.store, token, key, deleted.await).await.map(drop)
    }

    /// Executes a write behind the guard of the caller's journal.
    async fn write<Q: Query<Context = WriteContext>, T: DeserializeOwned>(
        self,
        token: &Token,
        key: Option<&IdempotencyKey>,
        query: &Q,
    ) -> Result<Option<T>> {
        let guard: WriteGuard = authenticated::begin(self.store, vec![LISTS.guard(token.user_id().0)]).await?;
        idempotent_write::write(self.store, guard, token, key, query).await?.answer()
    }
}
