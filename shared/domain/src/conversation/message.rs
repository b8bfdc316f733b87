//! Messages of the user.

use cache::Key;
use safety::Country;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType};

use crate::families::ANSWERS;
use crate::store::Store;
use crate::validation::{CallerId, Field, Parsed, schema, text_field};
use crate::{UserId, request};

request! {
    /// A message to Kai.
    #[derive(Debug)]
    #[schema(as = NewMessage)]
    pub struct ChatMessage {
        /// The text of the message: 1 to 4,000 characters, and not blank.
        #[rename = "message"]
        text: MessageText,
        /// The id of the user who is signed in, which older clients send. Any other id is rejected
        /// with 403.
        pub user_id: Option<CallerId>,
        /// The user's country as a two-letter code (ISO 3166-1), such as `DE`. It selects the
        /// crisis services in `resources`. By default, the region in `Accept-Language` selects
        /// them.
        pub country: Option<CountryCode>,
        /// This field is accepted from older clients and ignored. Kai uses the stored conversation.
        pub conversation_history: Option<IgnoredList>,
    }
}

text_field!(
    /// The text of a message.
    MessageText: 1..=4000
);

/// A two-letter country code.
#[derive(Debug)]
pub enum CountryCode {}

impl Field for CountryCode {
    type Value = Country;

    fn parse(value: &Value) -> Parsed<Country> {
        value.as_str().and_then(Country::parse).ok_or("must be a two-letter country code of ISO 3166-1, such as DE")
    }

    fn schema() -> Schema {
        schema::string().pattern(Some("^[A-Za-z]{2}$")).into()
    }
}

/// A list whose items are ignored.
#[derive(Debug)]
pub enum IgnoredList {}

impl Field for IgnoredList {
    type Value = ();

    fn parse(value: &Value) -> Parsed<()> {
        value.is_array().then_some(()).ok_or("must be an array")
    }

    fn schema() -> Schema {
        ArrayBuilder::new().items(ObjectBuilder::new().schema_type(SchemaType::AnyValue)).into()
    }
}

impl ChatMessage {
    /// Returns the text of the message.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the cache key of the model's reply, or `None` if the reply depends on earlier
    /// messages and must not be cached.
    ///
    /// The name contains a pseudonym of the words, the model, its instructions and the phrase
    /// lists. A change of the profile drops the guard.
    pub(super) fn key(&self, store: &Store, model: &str, user: UserId) -> Option<Key> {
        if !llm::stands_alone(&self.text) {
            return None;
        }
        let words = self.text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        let parts = ["answer", &words, model, llm::VERSION, safety::VERSION];
        let digest = const_hex::encode(store.hmac_key.hmac(&parts.map(str::as_bytes)));
        Some(ANSWERS.key(user.0, format!("ai:response:{user}:{digest}")))
    }
}
