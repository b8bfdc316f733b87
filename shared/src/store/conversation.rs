//! The conversation with Kai: one for each person, until it is cleared.

mod answer;
pub(super) mod clear;
pub(super) mod context;
pub(super) mod exchange;
mod flight;
pub(super) mod history;
mod message;
pub(super) mod question;

use std::time::Duration;

pub use self::answer::{Answer, Metadata, Safety, Spoken};
pub use self::clear::clear_conversation;
pub use self::exchange::{Exchange, begin_crisis_exchange, begin_exchange, begin_turning_point, keep_exchange};
pub use self::flight::{Flight, Lead};
pub use self::history::{History, HistoryPage, Message, conversation_history};
pub use self::message::ChatMessage;
pub use self::question::{Asked, Question, ask, count_message};
use crate::cache::Family;

pub(super) const CONVERSATIONS: Family = Family { prefix: "conversation", ttl: Duration::from_secs(30 * 60) };
/// What the model has answered. Behind one guard, which a cleared conversation and a changed profile drop: the answers depend on both.
pub(super) const ANSWERS: Family = Family { prefix: "ai:response", ttl: Duration::from_secs(24 * 3600) };
