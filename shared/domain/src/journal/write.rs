//! Writing, changing and deleting an entry.

use cache::WriteGuard;
use db::{Param, Statement};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Entry, EntryId, EntryPatch, LISTS, NewEntry, Precondition, columns};
use crate::authenticated::{self, authenticated};
use crate::error::{Error, Result};
use crate::idempotency::{Empty, IdempotencyKey};
use crate::idempotent_write;
use crate::store::Store;
use crate::{Token, UserId};

/// Announces a change to the user's journal.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_journal_write(store: &Store, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(store, vec![LISTS.guard(user.0)]).await
}

pub(crate) const CREATE: Statement = Statement {
    name: "journal.create",
    sql: authenticated!(
        once
        "entry AS (
            INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, images)
            SELECT $7, user_id, $8, $9, $10, $11, $12, $13 FROM session
            RETURNING user_id, ", columns!(), "
        ), answer AS (SELECT to_jsonb(entry) AS response FROM entry)"
    ),
};

/// Writes an entry. With an `Idempotency-Key`, a repetition writes nothing and gets the first result.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when the
/// database is away.
pub async fn create_entry(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    draft: &NewEntry,
    key: Option<&IdempotencyKey>,
) -> Result<Entry> {
    let id = Uuid::now_v7();
    let params: [Param<'_>; 7] = [
        (&id, Type::UUID),
        (&draft.title, Type::TEXT),
        (&draft.content, Type::TEXT),
        (&draft.mood, Type::FLOAT8),
        (&draft.mood_emoji, Type::TEXT),
        (&draft.tags, Type::TEXT_ARRAY),
        (&draft.images, Type::TEXT_ARRAY),
    ];
    let outcome = idempotent_write::write(store, guard, token, key, CREATE, &params).await?;
    outcome.answer()?.ok_or_else(|| Error::internal("an entry that was written is not there"))
}

/// The version is compared by the statement that changes the row, so that of two who hold the same one only the first succeeds.
pub(crate) const UPDATE: Statement = Statement {
    name: "journal.update",
    sql: authenticated!(
        once
        "entry AS (
            UPDATE journal_entries e SET
                title = CASE WHEN $8 THEN $9 ELSE e.title END,
                content = coalesce($10, e.content),
                mood = CASE WHEN $11 THEN $12 ELSE e.mood END,
                mood_emoji = CASE WHEN $13 THEN $14 ELSE e.mood_emoji END,
                tags = coalesce($15, e.tags),
                images = coalesce($16, e.images),
                updated_at = greatest(clock_timestamp(), e.updated_at + interval '1 microsecond')
            FROM (SELECT user_id AS owner FROM session) session
            WHERE e.id = $7 AND e.user_id = session.owner AND ($17 IS NULL OR e.updated_at = $17)
            RETURNING user_id, ", columns!(), "
        ), answer AS (SELECT to_jsonb(entry) AS response FROM entry)"
    ),
};

/// Changes an entry of the caller's and returns what it is now.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::NotFound`] when the caller has no such entry,
/// [`Error::PreconditionFailed`] when it is another version than the one that was expected, [`Error::Unavailable`] when the database is
/// away.
pub async fn update_entry(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    id: EntryId,
    change: &EntryPatch,
    precondition: Precondition,
    key: Option<&IdempotencyKey>,
) -> Result<Entry> {
    let [retitled, regraded, reiconed] = [change.title.is_some(), change.mood.is_some(), change.mood_emoji.is_some()];
    let (title, mood, mood_emoji) =
        (change.title.clone().flatten(), change.mood.flatten(), change.mood_emoji.clone().flatten());
    let version = precondition.version();
    let params: [Param<'_>; 11] = [
        (&id.0, Type::UUID),
        (&retitled, Type::BOOL),
        (&title, Type::TEXT),
        (&change.content, Type::TEXT),
        (&regraded, Type::BOOL),
        (&mood, Type::FLOAT8),
        (&reiconed, Type::BOOL),
        (&mood_emoji, Type::TEXT),
        (&change.tags, Type::TEXT_ARRAY),
        (&change.images, Type::TEXT_ARRAY),
        (&version, Type::TIMESTAMPTZ),
    ];
    let outcome = idempotent_write::write(store, guard, token, key, UPDATE, &params).await?;
    outcome.answer()?.ok_or_else(|| precondition.unmet())
}

/// What an `Idempotency-Key` has kept of the entry goes with it.
pub(crate) const DELETE: Statement = Statement {
    name: "journal.delete",
    sql: authenticated!(
        once
        "entry AS (
            DELETE FROM journal_entries e USING session WHERE e.id = $7 AND e.user_id = session.user_id
                AND ($8 IS NULL OR e.updated_at = $8)
            RETURNING e.id
        ), forgotten AS (
            DELETE FROM idempotency_keys k USING entry WHERE k.scope = $2 AND k.response ->> 'id' = entry.id::text
        ), answer AS (SELECT '{}'::jsonb AS response FROM entry)"
    ),
};

/// Deletes an entry of the caller's.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::NotFound`] when the caller has no such entry, or no longer,
/// [`Error::PreconditionFailed`] when it is another version than the one that was expected, [`Error::Unavailable`] when the database is
/// away.
pub async fn delete_entry(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    id: EntryId,
    precondition: Precondition,
    key: Option<&IdempotencyKey>,
) -> Result<Empty> {
    let version = precondition.version();
    let params: [Param<'_>; 2] = [(&id.0, Type::UUID), (&version, Type::TIMESTAMPTZ)];
    let outcome = idempotent_write::write::<Empty>(store, guard, token, key, DELETE, &params).await?;
    outcome.answer()?.ok_or_else(|| precondition.unmet())
}
