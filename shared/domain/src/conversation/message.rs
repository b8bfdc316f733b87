//! What a person says.

use cache::Key;
use safety::Country;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType};

use super::ANSWERS;
use crate::store::Store;
use crate::validation::{CallerId, Field, Parsed, schema, text_field};
use crate::{UserId, request};

request! {
    /// A message to Kai.
    #[derive(Debug)]
    #[schema(as = NewMessage)]
    pub struct ChatMessage {
        /// The message; not blank.
        #[rename = "message"]
        text: MessageText,
        /// The caller's own id, which older clients send.
        pub user_id: Option<CallerId>,
        /// The country of the person (ISO 3166-1 alpha-2), whose places to turn to are returned.
        pub country: Option<CountryCode>,
        /// Accepted and ignored: the stored conversation is the authority.
        pub conversation_history: Option<IgnoredList>,
    }
}

text_field!(
    /// The text of a message.
    MessageText: 1..=4000
);

/// A country.
#[derive(Debug)]
pub enum CountryCode {}

impl Field for CountryCode {
    type Value = Country;

    fn parse(value: &Value) -> Parsed<Country> {
        value.as_str().and_then(Country::parse).ok_or("must be two letters of ISO 3166-1")
    }

    fn schema() -> Schema {
        schema::string().pattern(Some("^[A-Za-z]{2}$")).into()
    }
}

/// A list whose values have no effect.
#[derive(Debug)]
pub enum IgnoredList {}

impl Field for IgnoredList {
    type Value = ();

    fn parse(value: &Value) -> Parsed<()> {
        value.is_array().then_some(()).ok_or("must be a list")
    }

    fn schema() -> Schema {
        ArrayBuilder::new().items(ObjectBuilder::new().schema_type(SchemaType::AnyValue)).into()
    }
}

impl ChatMessage {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Under which key an answer may be kept for whoever asks the same again, or `None` when it depends on what was said before. In the name stands
    /// a pseudonym of the words, of the model and of what it is told; the profile stands behind the guard.
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
