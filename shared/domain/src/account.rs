//! Accounts: who may sign in.

use jiff::Timestamp;
use secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::UserId;
use super::idempotency::{self, IdempotencyKey};
use crate::error::{Error, Result};
use crate::query::sql;
use crate::store::Store;
use crate::validation::Parsed;

/// An account as its owner sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Who.
    pub id: UserId,
    /// The address that signs in, in lower case.
    #[schema(max_length = 254)]
    pub email: String,
    /// Whether it may.
    pub is_active: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An e-mail address in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address. Whether it exists only a message to it could tell, so no more is asked than what would keep one from being sent:
    /// RFC 5321's lengths, one `@`, a domain with a dot, no spaces.
    ///
    /// # Errors
    /// The rule, when it is broken.
    pub fn parse(value: &Value) -> Parsed<Self> {
        // In lower case first, which is longer for some letters.
        let text = value.as_str().unwrap_or_default().trim().to_lowercase();
        let text = Some(text.as_str()).filter(|text| text.len() <= 254).unwrap_or_default();
        let plausible = text.split_once('@').is_some_and(|(local, domain)| {
            let labels = domain.split('.');
            (1..=64).contains(&local.len())
                && domain.contains('.')
                && labels.clone().all(|l| (1..=63).contains(&l.len()) && !l.starts_with('-') && !l.ends_with('-'))
                && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
                && !local.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@')
        });
        if plausible { Ok(Self(text.to_owned())) } else { Err("must be an e-mail address") }
    }

    /// An address that has been accepted before.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password that somebody wants to sign in with from now on.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Reads a new password: 8 to 128 characters of any kind (OWASP ASVS 5.0, 6.2.1 and 6.2.9).
    ///
    /// # Errors
    /// The rule, when it is broken.
    pub fn parse_new(value: &Value) -> Parsed<Self> {
        Self::parse(value, 8, "must be 8 to 128 characters long")
    }

    /// Reads a password to be verified. One that no account can have is refused before it costs a hash.
    ///
    /// # Errors
    /// The rule, when it is broken.
    pub fn parse_known(value: &Value) -> Parsed<Self> {
        Self::parse(value, 1, "must be 1 to 128 characters long")
    }

    fn parse(value: &Value, least: usize, rule: &'static str) -> Parsed<Self> {
        let text = value.as_str().filter(|text| (least..=128).contains(&text.chars().count())).ok_or(rule)?;
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// The text, for hashing.
    pub fn into_secret(self) -> Secret<String> {
        self.0
    }
}

/// What a log-in is checked against.
#[derive(Debug)]
pub struct Credentials {
    /// Whose.
    pub user: UserId,
    /// The PHC string.
    pub password_hash: String,
}

/// Accounts.
#[derive(Clone, Copy)]
pub struct Accounts<'a> {
    pub(crate) store: &'a Store,
}

impl Accounts<'_> {
    /// The credentials of an active account, or `None`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database is unavailable.
    pub async fn credentials(self, email: &Email) -> Result<Option<Credentials>> {
        let rows = self.store.read(&sql::account::Credentials { email: &email.0 }).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let user = UserId(row.try_get("id").map_err(Error::internal)?);
        Ok(Some(Credentials { user, password_hash: row.try_get("password_hash").map_err(Error::internal)? }))
    }

    /// Registers an account with an empty profile. With an `Idempotency-Key`, a repetition gets the first result. No guard is needed: nothing
    /// is cached for a user who did not exist.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] if the database is unavailable.
    pub async fn register(self, email: &Email, password_hash: &str, key: Option<&IdempotencyKey>) -> Result<Account> {
        let scope = idempotency::pseudonymous_scope(self.store, email.as_str());
        let columns = idempotency::columns(key);
        let register = sql::account::Register {
            user_id: Uuid::now_v7(),
            email: &email.0,
            password_hash,
            profile_id: Uuid::now_v7(),
            scope,
            endpoint: columns.endpoint,
            key_hash: columns.key_hash.as_deref(),
            request_hash: columns.request_hash.as_deref(),
        };
        match self.store.write(&register).await {
            Ok(rows) => {
                let row = rows.first().ok_or_else(|| Error::internal("an account was not returned"))?;
                row.try_get::<_, Json<Account>>(0).map(|json| json.0).map_err(Error::internal)
            }
            Err(error) if error.violates("ix_users_email") || error.violates(idempotency::CONSTRAINT) => {
                idempotency::replay(self.store, scope, key).await?.ok_or(Error::EmailTaken)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Parsed<Email> {
        Email::parse(&Value::from(text))
    }

    #[test]
    fn an_address_is_one_whatever_its_case() {
        assert_eq!(email(" Ada@Example.ORG ").unwrap(), email("ada@example.org").unwrap());
        assert!(email("ada+journal@mail.example.org").is_ok());
        assert!(email("ünïcode@exämple.org").is_ok());
    }

    #[test]
    fn what_could_not_be_written_to_is_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "a da@example.org",
            "a@b@example.org",
            "a@.org",
            "a@-b.org",
            &long,
        ] {
            assert!(email(text).is_err(), "{text}");
        }
        assert!(Email::parse(&Value::Null).is_err());
    }

    #[test]
    fn passwords_are_measured_in_characters_and_taken_as_they_are() {
        for ok in ["éééééééé", " spaces ", &"x".repeat(128)] {
            assert!(Password::parse_new(&Value::from(ok)).is_ok(), "{ok}");
        }
        for wrong in ["", "seven77", &"x".repeat(129)] {
            assert!(Password::parse_new(&Value::from(wrong)).is_err(), "{wrong}");
        }
        assert!(Password::parse_known(&Value::from("short")).is_ok());
    }
}
