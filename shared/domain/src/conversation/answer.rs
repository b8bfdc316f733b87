//! What Kai says.

use safety::Resource;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};

/// An answer as the client sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ChatAnswer)]
pub struct Answer {
    /// The text.
    pub response: String,
    /// How it came about.
    pub metadata: Metadata,
    /// Whom to turn to; empty unless the message or the answer looks like a crisis.
    pub resources: Vec<Resource>,
}

/// How an answer came about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ChatMetadata)]
pub struct Metadata {
    /// Always `kai`.
    #[schema(pattern = "^kai$")]
    pub agent_role: &'static str,
    /// The model's name, `built-in` for rules, `kai` for words that people have written.
    pub model: String,
    /// Whether the model had answered the same before.
    pub cached: bool,
    /// Whether the model was away and this stands in for its answer.
    pub fallback: bool,
    /// In which conversation it is kept, or null when it is not kept.
    #[schema(required)]
    pub conversation_id: Option<Uuid>,
    /// From 0 to 1, by where the answer comes from: 1 for words that people wrote for the case, 0.8 for a model's, 0.5 for rules, 0 for a fallback.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// What the detector said.
    pub safety: Safety,
}

/// What the detector said of a message and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChatSafety)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Nothing.
    Safe,
    /// One of them looks like a crisis.
    Warning,
    /// The model's answer must not be shown, and another stands in its place.
    Blocked,
}

/// What a model has said, as it is cached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelReply {
    /// The text.
    pub response: String,
}

impl ModelReply {
    /// What is cached, or `None` when it is something else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Answer {
    /// An answer that is not yet kept.
    pub fn new(response: String, model: &str, confidence: f64) -> Self {
        let metadata = Metadata {
            agent_role: "kai",
            model: model.to_owned(),
            cached: false,
            fallback: false,
            conversation_id: None,
            confidence,
            safety: Safety::Safe,
        };
        Self { response, metadata, resources: Vec::new() }
    }

    /// The response, stored in a conversation.
    pub(super) fn stored_in(&self, conversation: Uuid) -> Result<Box<RawValue>> {
        let mut stored = self.clone();
        stored.metadata.conversation_id = Some(conversation);
        to_raw_value(&stored).map_err(Error::internal)
    }
}
