//! The conversation with Kai: one for each person, until it is cleared.

mod answer;
pub(super) mod chat_lookup;
pub(super) mod clear;
pub(super) mod context;
pub(super) mod exchange;
pub(super) mod history;
mod message;
mod single_flight;

use std::time::Duration;

use cache::Family;

pub use self::answer::{Answer, Metadata, ModelReply, Safety};
pub use self::chat_lookup::{ChatLookup, Question, ask, count_message};
pub use self::clear::clear_conversation;
pub use self::exchange::{Exchange, begin_conversation_reset, begin_crisis_exchange, begin_exchange, keep_exchange};
pub use self::history::{History, HistoryPage, Message, conversation_history};
pub use self::message::ChatMessage;
pub use self::single_flight::{Leader, SingleFlight};

pub(super) const CONVERSATIONS: Family = Family { prefix: "conversation", ttl: Duration::from_secs(30 * 60) };
/// What the model has answered. Behind one guard, which a cleared conversation and a changed profile drop: the answers depend on both.
pub(super) const ANSWERS: Family = Family { prefix: "ai:response", ttl: Duration::from_secs(24 * 3600) };
