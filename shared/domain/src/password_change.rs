//! Changes of the password.

use crate::account::{Credentials, Email};
use crate::accounts::Accounts;
use crate::authenticated;
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::query::sql;
use crate::sessions::end_sessions;
use crate::token::Token;
use crate::user_id::UserId;

impl Accounts<'_> {
    /// Returns the caller's e-mail address and credentials.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is unavailable.
    pub async fn own_credentials(self, token: &Token) -> Result<(Email, Credentials)> {
        let rows = authenticated::fetch(self.store, token, &sql::account::OwnCredentials {}).await?;
        let row = rows.first().ok_or_else(authenticated::session_expired)?;
        let user = UserId(row.try_get("id").map_err(Error::internal)?);
        let password_hash = row.try_get("password_hash").map_err(Error::internal)?;
        Ok((Email::stored(row.try_get("email").map_err(Error::internal)?), Credentials { user, password_hash }))
    }

    /// Replaces the password that was verified, and ends every session of the account, including
    /// the caller's. Success means that no environment accepts these sessions from now on.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live or another request has changed the
    /// password in the meantime. [`Error::Unavailable`] if the database is unavailable, or if the
    /// change is committed but the sessions could not be cleared from the cache. The outbox clears
    /// them within a minute.
    pub async fn change_password(
        self,
        token: &Token,
        verified: &Credentials,
        password_hash: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<()> {
        let change = sql::account::ChangePassword { password_hash, verified_hash: &verified.password_hash };
        end_sessions(self.store, token, key, &change).await
    }
}
