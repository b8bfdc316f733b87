//! The conversation with Kai. A user has one conversation, until it is cleared.

mod answer;
mod chat_lookup;
mod clear;
mod context;
mod exchange;
mod history;
mod message;
mod message_limit;
mod single_flight;

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

impl Store {
    /// Returns the operations on the conversation with Kai.
    pub fn conversation(&self) -> Conversation<'_> {
        Conversation { store: self }
    }
}
