//! What a person says.

use cache::Key;
use safety::Country;
use serde_json::Value;

use super::ANSWERS;
use crate::UserId;
use crate::error::Result;
use crate::store::Store;
use crate::validation::{self, FieldReader};

/// A message to Kai.
#[derive(Debug)]
pub struct ChatMessage {
    text: String,
}

impl ChatMessage {
    /// Reads `message` (1 to 4,000 characters), `user_id` and `country`. `conversation_history` is accepted and not used: the stored one is the authority.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with every field that breaks its rule.
    pub fn read(mut body: FieldReader) -> Result<(Self, Option<UserId>)> {
        let text = body.required("message", validation::text(4000, "must be 1 to 4000 characters of text"));
        let user = body.optional("user_id", validation::uuid).map(UserId);
        body.optional("country", |value| {
            value.as_str().and_then(Country::parse).map(drop).ok_or("must be two letters of ISO 3166-1")
        });
        body.optional("conversation_history", |value: &Value| value.is_array().then_some(()).ok_or("must be a list"));
        body.finish(text.map(|text| (Self { text }, user)))
    }

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
