//! Registration, and the credentials of an account.

use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::account::{Account, Credentials, Email};
use crate::error::{Error, Result};
use crate::idempotency::{self, IdempotencyKey};
use crate::query::sql;
use crate::store::Store;
use crate::user_id::UserId;

/// The operations on accounts.
#[derive(Clone, Copy)]
pub struct Accounts<'a> {
    pub(crate) store: &'a Store,
}

impl Store {
    /// Returns the operations on accounts: registration, credentials, export and deletion.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts { store: self }
    }
}

impl Accounts<'_> {
    /// Returns the credentials of an active account, or `None` if there is no such account.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database is unavailable.
    pub async fn credentials(self, email: &Email) -> Result<Option<Credentials>> {
        let rows = self.store.read(&sql::account::Credentials { email: email.as_str() }).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let user = UserId(row.try_get("id").map_err(Error::internal)?);
        Ok(Some(Credentials { user, password_hash: row.try_get("password_hash").map_err(Error::internal)? }))
    }

    /// Registers an account with an empty profile.
    ///
    /// With an `Idempotency-Key`, a repetition gets the first result. No guard is needed, because
    /// nothing is cached for a new user.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] if the
    /// database is unavailable.
    pub async fn register(self, email: &Email, password_hash: &str, key: Option<&IdempotencyKey>) -> Result<Account> {
        let scope = idempotency::pseudonymous_scope(self.store, email.as_str());
        let columns = idempotency::columns(key);
        let register = sql::account::Register {
            user_id: Uuid::now_v7(),
            email: email.as_str(),
            password_hash,
            profile_id: Uuid::now_v7(),
            scope,
            endpoint: columns.endpoint,
            key_hash: columns.key_hash.as_deref(),
            request_hash: columns.request_hash.as_deref(),
        };
        match self.store.write(&register).await {
            Ok(rows) => {
                let row = rows.first().ok_or_else(|| Error::internal("the new account was not returned"))?;
                row.try_get::<_, Json<Account>>(0).map(|json| json.0).map_err(Error::internal)
            }
            Err(error) if error.violates("ix_users_email") || error.violates(idempotency::CONSTRAINT) => {
                idempotency::replay(self.store, scope, key).await?.ok_or(Error::EmailTaken)
            }
            Err(error) => Err(error.into()),
        }
    }
}
