//! Deletion of an account.

use crate::accounts::Accounts;
use crate::error::Result;
use crate::families::FAMILIES;
use crate::query::sql;
use crate::sessions::require_cleared;
use crate::token::Token;
use crate::{authenticated, idempotency, idempotent_write};

impl Accounts<'_> {
    /// Deletes the caller's account and all of its data permanently.
    ///
    /// For a day, the caller may repeat this with the same token. Success means that no environment
    /// accepts the account's sessions or serves any of its data from now on.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`](crate::Error::Unauthenticated) if the session is not live, and
    /// the token was not used to delete its account.
    /// [`Error::Unavailable`](crate::Error::Unavailable) if the database is unavailable, or if the
    /// account is deleted but could not be cleared from the cache. The outbox clears it within a
    /// minute.
    pub async fn delete(self, token: &Token) -> Result<()> {
        let Self { store } = self;
        let user = token.user_id();
        let guards = FAMILIES.iter().map(|family| family.guard(user.0)).collect();
        let guard = authenticated::begin(store, guards).await?;

        let scope = idempotency::pseudonymous_scope(store, &user.to_string());
        let written = idempotent_write::execute(store, guard, token, None, &sql::account::Delete { scope }).await?;
        require_cleared(written.cleared)?;
        if !written.rows.is_empty() {
            return Ok(());
        }
        let before = store.read(&sql::account::Deleted { scope, token: &token.hash() }).await?;
        before.first().map(drop).ok_or_else(authenticated::session_expired)
    }
}
