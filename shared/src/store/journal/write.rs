//! Writing, changing and deleting an entry.

use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::{Draft, Entry, EntryChange, EntryId, LISTS, Precondition, columns};
use crate::cache::WriteGuard;
use crate::db::{Param, Statement};
use crate::error::{Error, Result};
use crate::state::State;
use crate::store::authenticated::{self, authenticated};
use crate::store::idempotency::{self, IdempotencyKey};
use crate::store::{Token, UserId};

/// Announces a change to the user's journal.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_journal_write(state: &State, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(state, vec![LISTS.guard(user.0)]).await
}

const CREATE: Statement = Statement {
    name: "journal.create",
    sql: authenticated!(
        write
        "entry AS (
            INSERT INTO journal_entries (id, user_id, title, content, mood, mood_emoji, tags, images)
            SELECT $4, user_id, $5, $6, $7, $8, $9, $10 FROM session
            RETURNING user_id, ", columns!(), "
        ), kept AS (
            INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
            SELECT user_id, $11, $12, user_id, $13, to_jsonb(entry), now() + interval '24 hours' FROM entry WHERE $12 IS NOT NULL
        )
        SELECT to_jsonb(entry) FROM entry"
    ),
};

/// Writes an entry. With an `Idempotency-Key`, a repetition writes nothing and gets the first result.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] when the
/// database is away.
pub async fn create_entry(
    state: &State,
    guard: WriteGuard,
    token: &Token,
    draft: &Draft,
    key: Option<&IdempotencyKey>,
) -> Result<Entry> {
    let (id, kept, scope) = (Uuid::now_v7(), idempotency::columns(key), token.user_id().0);
    let params: [Param<'_>; 10] = [
        (&id, Type::UUID),
        (&draft.title, Type::TEXT),
        (&draft.content, Type::TEXT),
        (&draft.mood, Type::FLOAT8),
        (&draft.mood_emoji, Type::TEXT),
        (&draft.tags, Type::TEXT_ARRAY),
        (&draft.images, Type::TEXT_ARRAY),
        (&kept.endpoint, Type::TEXT),
        (&kept.key_hash, Type::BYTEA),
        (&kept.request_hash, Type::BYTEA),
    ];
    match authenticated::write(state, guard, token, CREATE, &params).await {
        Ok(written) => {
            let row = written.rows.first().ok_or_else(authenticated::session_over)?;
            written_entry(row)?.ok_or_else(|| Error::internal("an entry that was written is not there"))
        }
        Err(error) if error.violates(idempotency::CONSTRAINT) => {
            idempotency::replay(state, scope, key).await?.ok_or_else(idempotency::expired)
        }
        Err(error) => Err(error.into()),
    }
}

/// The version is compared by the statement that changes the row, so that of two who hold the same one only the first succeeds.
const UPDATE: Statement = Statement {
    name: "journal.update",
    sql: authenticated!(
        write
        "entry AS (
            UPDATE journal_entries e SET
                title = CASE WHEN $5 THEN $6 ELSE e.title END,
                content = coalesce($7, e.content),
                mood = CASE WHEN $8 THEN $9 ELSE e.mood END,
                mood_emoji = CASE WHEN $10 THEN $11 ELSE e.mood_emoji END,
                tags = coalesce($12, e.tags),
                images = coalesce($13, e.images),
                updated_at = greatest(clock_timestamp(), e.updated_at + interval '1 microsecond')
            FROM (SELECT user_id AS owner FROM session) session
            WHERE e.id = $4 AND e.user_id = session.owner AND ($14 IS NULL OR e.updated_at = $14)
            RETURNING user_id, ", columns!(), "
        )
        SELECT to_jsonb(entry) FROM session LEFT JOIN entry ON true"
    ),
};

/// Changes an entry of the caller's and returns what it is now.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::NotFound`] when the caller has no such entry,
/// [`Error::PreconditionFailed`] when it is another version than the one that was expected, [`Error::Unavailable`] when the database is
/// away.
pub async fn update_entry(
    state: &State,
    guard: WriteGuard,
    token: &Token,
    id: EntryId,
    change: &EntryChange,
    precondition: Precondition,
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
    let written = authenticated::write(state, guard, token, UPDATE, &params).await?;
    let row = written.rows.first().ok_or_else(authenticated::session_over)?;
    written_entry(row)?.ok_or_else(|| precondition.unmet())
}

/// What an `Idempotency-Key` has kept of the entry goes with it.
const DELETE: Statement = Statement {
    name: "journal.delete",
    sql: authenticated!(
        write
        "entry AS (
            DELETE FROM journal_entries e USING session WHERE e.id = $4 AND e.user_id = session.user_id
                AND ($5 IS NULL OR e.updated_at = $5)
            RETURNING e.id
        ), kept AS (
            DELETE FROM idempotency_keys k USING entry WHERE k.scope = $2 AND k.response ->> 'id' = entry.id::text
        )
        SELECT entry.id FROM session LEFT JOIN entry ON true"
    ),
};

/// Deletes an entry of the caller's.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::NotFound`] when the caller has no such entry, or no longer,
/// [`Error::PreconditionFailed`] when it is another version than the one that was expected, [`Error::Unavailable`] when the database is
/// away.
pub async fn delete_entry(
    state: &State,
    guard: WriteGuard,
    token: &Token,
    id: EntryId,
    precondition: Precondition,
) -> Result<()> {
    let version = precondition.version();
    let params: [Param<'_>; 2] = [(&id.0, Type::UUID), (&version, Type::TIMESTAMPTZ)];
    let written = authenticated::write(state, guard, token, DELETE, &params).await?;
    let row = written.rows.first().ok_or_else(authenticated::session_over)?;
    let deleted: Option<Uuid> = row.try_get(0).map_err(Error::internal)?;
    deleted.map(drop).ok_or_else(|| precondition.unmet())
}

/// The entry that a statement gave back as JSON, or `None` where its join found none.
fn written_entry(row: &Row) -> Result<Option<Entry>> {
    row.try_get::<_, Option<Json<Entry>>>(0).map(|json| json.map(|json| json.0)).map_err(Error::internal)
}
