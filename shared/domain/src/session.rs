//! A live session: what the database returns and the cache stores.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::account::Account;
use crate::user_id::UserId;

/// A live session and the account that it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// The id of the session.
    pub id: Uuid,
    /// When the session expires, unless it is refreshed.
    pub expires_at: Timestamp,
    /// The account that the session belongs to.
    pub account: Account,
}

impl Session {
    pub(crate) fn is_alive(&self) -> bool {
        self.expires_at > Timestamp::now()
    }
}

impl TryFrom<&Row> for Session {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let account = Account {
            id: UserId(row.try_get("user_id")?),
            email: row.try_get("email")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("account_created_at")?,
            updated_at: row.try_get("account_updated_at")?,
        };
        Ok(Self { id: row.try_get("session_id")?, expires_at: row.try_get("session_expires_at")?, account })
    }
}
