//! The end of an account.

use cache::WriteGuard;
use db::Statement;
use tokio_postgres::types::Type;

use super::authenticated::{self, authenticated};
use super::session::{SESSIONS, require_cleared};
use super::{Token, UserId, conversation, idempotency, journal, profile};
use crate::error::Result;
use crate::store::Store;

/// Announces the end of everything that is cached of a user.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) when the database is known to be away.
pub async fn begin_deletion(store: &Store, user: UserId) -> Result<WriteGuard> {
    let families = [SESSIONS, profile::PROFILES, journal::LISTS, conversation::CONVERSATIONS, conversation::ANSWERS];
    authenticated::begin(store, families.iter().map(|family| family.guard(user.0)).collect()).await
}

/// Everything that is somebody's refers to them and goes with them. For a day the hash of the token remains, by which the same request is
/// known when it comes again.
pub(super) const DELETE: Statement = Statement {
    name: "account.delete",
    sql: authenticated!(
        write
        "gone AS (
            DELETE FROM users USING session WHERE users.id = session.user_id RETURNING users.id
        ), kept AS (
            INSERT INTO idempotency_keys (scope, endpoint, key_hash, request_hash, response, expires_at)
            SELECT $4, 'account-delete', $1, '', '{}', now() + interval '24 hours' FROM gone
            ON CONFLICT DO NOTHING
        )
        SELECT 1 FROM gone"
    ),
};

/// ChatLookup afterwards: what another request has committed meanwhile, the statement that waited for it does not see.
pub(super) const DELETED: Statement = Statement {
    name: "account.deleted",
    sql: "SELECT 1 FROM idempotency_keys
        WHERE scope = $1 AND endpoint = 'account-delete' AND key_hash = $2 AND expires_at > now()",
};

/// Deletes the caller's account with everything in it, for good. Repeatable with the same token for a day. Success means that no environment
/// accepts its sessions, or serves anything of it, from now on.
///
/// # Errors
/// [`Error::Unauthenticated`](crate::Error::Unauthenticated) when the session is not alive and has not deleted its account either.
/// [`Error::Unavailable`](crate::Error::Unavailable) when the database is away, or the account is deleted but the cache could not be told:
/// the outbox finishes it within a minute.
pub async fn delete_account(store: &Store, guard: WriteGuard, token: &Token) -> Result<()> {
    let scope = idempotency::pseudonymous_scope(store, &token.user_id().to_string());
    let written = authenticated::write(store, guard, token, DELETE, &[(&scope, Type::UUID)]).await?;
    require_cleared(written.cleared)?;
    if !written.rows.is_empty() {
        return Ok(());
    }
    let token_hash = token.hash().to_vec();
    let before = store.db.read(DELETED, &[(&scope, Type::UUID), (&token_hash, Type::BYTEA)]).await?;
    before.first().map(drop).ok_or_else(authenticated::session_expired)
}
