//! Kai's replies to messages.

use safety::Resource;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Kai's reply to a message.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ChatAnswer)]
pub struct Answer {
    /// The text of the reply.
    pub response: String,
    /// The origin and the safety of the reply.
    pub metadata: Metadata,
    /// Crisis services to turn to. Empty if `metadata.safety` is `safe`.
    pub resources: Vec<Resource>,
}

/// The origin and the safety of a reply.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ChatMetadata)]
pub struct Metadata {
    /// The name of the assistant, always `kai`.
    #[schema(pattern = "^kai$")]
    pub agent_role: &'static str,
    /// The name of the model, `built-in` for rule-based replies, or `kai` for prepared texts.
    pub model: String,
    /// Whether the reply is the cached reply of the model to the same message.
    pub cached: bool,
    /// Whether the reply is a fallback because the model was unavailable.
    pub fallback: bool,
    /// The id of the conversation that the reply is stored in, or null if it is not stored.
    #[schema(required)]
    pub conversation_id: Option<Uuid>,
    /// The confidence in the reply, which depends on its origin: 1 for a prepared text, 0.8 for the
    /// model, 0.5 for rules, 0 for the fallback.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// The result of the crisis detector.
    pub safety: Safety,
}

/// The result of the crisis detector.
///
/// `safe` means that neither the message nor the reply looks like a crisis. `warning` means that
/// one of them does. `blocked` means that the model's reply was harmful, and a prepared text
/// replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChatSafety)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Neither the message nor the reply looks like a crisis.
    Safe,
    /// The message or the reply looks like a crisis.
    Warning,
    /// The model's reply was harmful, and a prepared text replaces it.
    Blocked,
}

/// A reply of the model, as it is cached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelReply {
    /// The text of the reply.
    pub response: String,
}

impl ModelReply {
    /// Parses a cached reply. Returns `None` if the record is malformed.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Answer {
    /// Returns a safe reply without resources that is not stored in a conversation yet.
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

    /// Returns the response for a reply that is stored in a conversation.
    pub(super) fn stored_in(&self, conversation: Uuid) -> Result<Box<RawValue>> {
        let mut stored = self.clone();
        stored.metadata.conversation_id = Some(conversation);
        to_raw_value(&stored).map_err(Error::internal)
    }
}
