//! The profile that shapes the conversation.

use std::time::Duration;

use cache::{Family, Key};
use encoded_body::EncodedBody;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::ToSchema;
use utoipa::openapi::schema::{self, ObjectBuilder, Schema};
use uuid::Uuid;

use super::conversation::ANSWERS;
use super::idempotency::IdempotencyKey;
use super::idempotent_write;
use super::{Token, UserId};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::request;
use crate::store::Store;
use crate::validation::{Field, Parsed, rules, text_field};

pub(super) const PROFILES: Family = Family { prefix: "user:profile", ttl: Duration::from_secs(3600) };

/// How Kai should speak with a person.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({
    "id": "0192f0c1-7a3b-7c4d-8e5f-102132435466",
    "user_id": "0192f0c1-7a3b-7c4d-8e5f-102132435465",
    "traits": {"age_group": "adult"},
    "communication_style": "gentle",
    "preferences": {"reminders": true},
    "created_at": "2026-11-02T08:16:04.512031Z",
    "updated_at": "2026-11-02T08:20:31.004217Z",
})))]
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

/// The name of a profile in the cache.
pub(super) fn key(user: UserId) -> Key {
    PROFILES.key(user.0, format!("user:profile:{user}"))
}

/// Profiles.
#[derive(Clone, Copy)]
pub struct Profiles<'a> {
    pub(crate) store: &'a Store,
}

impl Profiles<'_> {
    /// The caller's profile.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the database is needed and unavailable.
    pub async fn get(self, token: &Token) -> Result<EncodedBody> {
        let build = |rows: &[Row]| rows.iter().map(Profile::try_from).next().transpose().map_err(Error::internal);
        authenticated::cached_read(self.store, token, &key(token.user_id()), &sql::profile::Read {}, build).await
    }

    /// Changes the caller's profile, and returns the new version. The model's replies depend on the profile, so the cached ones are dropped.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::IdempotencyKeyReused`], or [`Error::Unavailable`] if the database is
    /// unavailable.
    pub async fn update(self, token: &Token, patch: &ProfilePatch, key: Option<&IdempotencyKey>) -> Result<Profile> {
        let user = token.user_id().0;
        let guard = authenticated::begin(self.store, vec![PROFILES.guard(user), ANSWERS.guard(user)]).await?;
        let update = sql::profile::Update {
            traits: &patch.traits,
            set_style: patch.communication_style.is_some(),
            style: patch.communication_style.as_ref().and_then(Option::as_deref),
            preferences: &patch.preferences,
        };
        let outcome = idempotent_write::write(self.store, guard, token, key, &update).await?;
        outcome.answer()?.ok_or_else(|| Error::internal("an account has no profile"))
    }
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
