//! The conversation with Kai. A user has one conversation, until it is cleared.

mod answer;
mod chat_lookup;
mod clear;
mod context;
mod exchange;
mod history;
mod message;
mod single_flight;

use std::time::Duration;

use cache::Family;

pub use self::answer::{Answer, Metadata, ModelReply, Safety};
pub use self::chat_lookup::{ChatLookup, Question};
pub use self::exchange::Exchange;
pub use self::history::{History, HistoryPage, Message};
pub use self::message::ChatMessage;
pub use self::single_flight::{Leader, SingleFlight};
use crate::store::Store;

/// The operations on the conversation with Kai.
#[derive(Clone, Copy)]
pub struct Conversation<'a> {
    pub(crate) store: &'a Store,
}

pub(super) const CONVERSATIONS: Family = Family { prefix: "conversation", ttl: Duration::from_secs(30 * 60) };
/// The model's replies. They depend on the profile and the conversation, so a changed profile and a
/// cleared conversation drop their guard.
pub(super) const ANSWERS: Family = Family { prefix: "ai:response", ttl: Duration::from_secs(24 * 3600) };
