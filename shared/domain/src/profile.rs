//! The profile, which shapes the conversation.

use cache::Key;
use encoded_body::EncodedBody;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::ToSchema;
use utoipa::openapi::schema::{self, ObjectBuilder, Schema};
use uuid::Uuid;

use super::idempotency::IdempotencyKey;
use super::idempotent_write;
use super::{Token, UserId};
use crate::authenticated;
use crate::error::{Error, Result};
use crate::families::{ANSWERS, PROFILES};
use crate::query::sql;
use crate::request;
use crate::store::Store;
use crate::validation::{Field, Parsed, rules, text_field};

/// The user's profile: how Kai should talk with the user.
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
    /// The id of the profile.
    pub id: Uuid,
    /// The id of the user.
    pub user_id: UserId,
    /// Facts about the user: an object that the client defines.
    #[schema(value_type = Object)]
    pub traits: Value,
    /// The style of Kai's replies, such as "supportive" or "direct", or null for no style.
    #[schema(required, min_length = 1, max_length = 100)]
    pub communication_style: Option<String>,
    /// The user's preferences: an object that the client defines.
    #[schema(value_type = Object)]
    pub preferences: Value,
    /// When the profile was created, which is when the account was registered.
    pub created_at: Timestamp,
    /// When the profile was last changed.
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

/// Returns the cache key of a profile.
pub(super) fn key(user: UserId) -> Key {
    PROFILES.key(user.0, format!("user:profile:{user}"))
}

/// The operations on profiles.
#[derive(Clone, Copy)]
pub struct Profiles<'a> {
    pub(crate) store: &'a Store,
}

impl Store {
    /// Returns the operations on profiles.
    pub fn profiles(&self) -> Profiles<'_> {
        Profiles { store: self }
    }
}

impl Profiles<'_> {
    /// Returns the caller's profile.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is needed and unavailable.
    pub async fn get(self, token: &Token) -> Result<EncodedBody> {
        let build = |rows: &[Row]| rows.iter().map(Profile::try_from).next().transpose().map_err(Error::internal);
        authenticated::cached_read(self.store, token, &key(token.user_id()), &sql::profile::Read {}, build).await
    }

    /// Changes the caller's profile, and returns the new version. The model's replies depend on the
    /// profile, so the cached replies are dropped.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::IdempotencyKeyReused`], or
    /// [`Error::Unavailable`] if the database is unavailable.
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
        /// Facts about the user: an object that the client defines, of at most 8,192 bytes in JSON.
        /// It replaces the existing object as a whole.
        traits: Option<ClientObject>,
        /// The style of Kai's replies, such as "supportive" or "direct": 1 to 100 characters. Null
        /// clears it.
        communication_style: Option<Option<CommunicationStyle>>,
        /// The user's preferences: an object that the client defines, of at most 8,192 bytes in
        /// JSON. It replaces the existing object as a whole.
        preferences: Option<ClientObject>,
    }
}

text_field!(
    /// The style of Kai's replies.
    CommunicationStyle: 1..=100
);

/// The maximum size of an object in bytes, as a literal for `concat!`.
macro_rules! max_object_bytes {
    () => {
        8192
    };
}

/// An object that the client defines, and that the product stores unchanged.
#[derive(Debug)]
enum ClientObject {}

impl Field for ClientObject {
    type Value = Value;

    fn parse(value: &Value) -> Parsed<Value> {
        let rule = concat!("must be a JSON object of at most ", max_object_bytes!(), " bytes");
        rules::object(max_object_bytes!(), rule)(value)
    }

    fn schema() -> Schema {
        ObjectBuilder::new().schema_type(schema::Type::Object).into()
    }
}
