//! The profile that shapes the conversation.

use std::time::Duration;

use cache::{Family, Key, WriteGuard};
use db::{Param, Statement};
use encoded_body::EncodedBody;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;
use utoipa::openapi::schema::{self, ObjectBuilder, Schema};
use uuid::Uuid;

use super::authenticated::{self, Read, authenticated, authenticated_read};
use super::conversation::ANSWERS;
use super::idempotency::IdempotencyKey;
use super::idempotent_write;
use super::{Token, UserId};
use crate::error::{Error, Result};
use crate::request;
use crate::store::Store;
use crate::validation::{Field, Parsed, rules, text_field};

pub(super) const PROFILES: Family = Family { prefix: "user:profile", ttl: Duration::from_secs(3600) };

/// How Kai should speak with a person.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// The profile's own id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What is known of the person: an object of the client's making.
    #[schema(value_type = Object)]
    pub traits: Value,
    /// Such as "supportive" or "direct", or null.
    #[schema(required, min_length = 1, max_length = 100)]
    pub communication_style: Option<String>,
    /// What the person asked for: an object of the client's making.
    #[schema(value_type = Object)]
    pub preferences: Value,
    /// When the account was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl TryFrom<&Row> for Profile {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("profile_id")?,
            user_id: UserId(row.try_get("user_id")?),
            traits: row.try_get("traits")?,
            communication_style: row.try_get("communication_style")?,
            preferences: row.try_get("preferences")?,
            created_at: row.try_get("profile_created_at")?,
            updated_at: row.try_get("profile_updated_at")?,
        })
    }
}

pub(super) const READ: Read = authenticated_read!(
    "profile.read",
    "SELECT session.*, p.id AS profile_id, p.traits, p.communication_style, p.preferences,
        p.created_at AS profile_created_at, p.updated_at AS profile_updated_at
    FROM session JOIN user_profiles p ON p.user_id = session.user_id"
);

/// The name of a profile in the cache.
pub(super) fn key(user: UserId) -> Key {
    PROFILES.key(user.0, format!("user:profile:{user}"))
}

/// The caller's profile.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive.
pub async fn profile(store: &Store, token: &Token) -> Result<EncodedBody> {
    authenticated::read(store, token, &key(token.user_id()), READ, &[], |rows| {
        rows.iter().map(Profile::try_from).next().transpose().map_err(Error::internal)
    })
    .await
}

request! {
    /// A change to the profile. Absent fields keep their values.
    #[derive(Debug)]
    #[schema(as = ProfileChange)]
    pub struct ProfilePatch {
        /// What is known of the person: an object that the client defines, at most 8192 bytes of
        /// JSON. Replaced as a whole.
        traits: Option<ClientObject>,
        /// Such as "supportive" or "direct". Null clears it.
        communication_style: Option<Option<CommunicationStyle>>,
        /// What the person asked for: an object that the client defines, at most 8192 bytes of
        /// JSON. Replaced as a whole.
        preferences: Option<ClientObject>,
    }
}

text_field!(
    /// How Kai should speak.
    CommunicationStyle: 1..=100
);

/// The largest object, as a literal for `concat!`.
macro_rules! max_object_bytes {
    () => {
        8192
    };
}

/// An object that the client defines, and the product stores as it is.
#[derive(Debug)]
enum ClientObject {}

impl Field for ClientObject {
    type Value = Value;

    fn parse(value: &Value) -> Parsed<Value> {
        rules::object(max_object_bytes!(), concat!("must be an object of at most ", max_object_bytes!(), " bytes"))(
            value,
        )
    }

    fn schema() -> Schema {
        ObjectBuilder::new().schema_type(schema::Type::Object).into()
    }
}

pub(super) const UPDATE: Statement = Statement {
    name: "profile.update",
    sql: authenticated!(
        once
        "changed AS (
            UPDATE user_profiles p SET
                traits = coalesce($7, p.traits),
                communication_style = CASE WHEN $8 THEN $9 ELSE p.communication_style END,
                preferences = coalesce($10, p.preferences),
                updated_at = now()
            FROM session WHERE p.user_id = session.user_id
            RETURNING p.*
        ), answer AS (SELECT to_jsonb(changed) AS response FROM changed)"
    ),
};

/// Announces a change to the user's profile, on which what the model has answered depends.
///
/// # Errors
/// [`Error::Unavailable`] when the database is known to be away.
pub async fn begin_profile_write(store: &Store, user: UserId) -> Result<WriteGuard> {
    authenticated::begin(store, vec![PROFILES.guard(user.0), ANSWERS.guard(user.0)]).await
}

/// Changes the caller's profile and returns what it is now.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is away.
pub async fn update_profile(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    change: &ProfilePatch,
    key: Option<&IdempotencyKey>,
) -> Result<Profile> {
    let restyled = change.communication_style.is_some();
    let style = change.communication_style.clone().flatten();
    let params: [Param<'_>; 4] = [
        (&change.traits, Type::JSONB),
        (&restyled, Type::BOOL),
        (&style, Type::TEXT),
        (&change.preferences, Type::JSONB),
    ];
    let outcome = idempotent_write::write(store, guard, token, key, UPDATE, &params).await?;
    outcome.answer()?.ok_or_else(|| Error::internal("an account has no profile"))
}
