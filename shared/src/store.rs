//! Kai's nouns and all of its SQL.
//!
//! A function that reads takes the caller's [`Token`] and answers only if its session is alive: one round trip to Redis asks
//! for both, and the same statement checks a session that is not cached. A function that changes what is cached takes a
//! [`WriteGuard`](crate::cache::WriteGuard).

mod account;
mod authenticated;
mod budget;
pub mod catalogue;
mod conversation;
mod deletion;
mod export;
mod idempotency;
mod journal;
mod once;
mod outbox;
mod password_change;
mod position;
mod profile;
mod recall;
mod session;
mod throttle;
mod token;

use std::fmt;

use uuid::Uuid;

pub use self::account::{Account, Credentials, Email, Password, credentials, register};
pub use self::budget::CACHE_BUDGETS;
pub use self::conversation::{
    Answer, Asked, ChatMessage, Exchange, Flight, History, HistoryPage, Lead, Message, Metadata, Question, Safety,
    Spoken, ask, begin_crisis_exchange, begin_exchange, begin_turning_point, clear_conversation, conversation_history,
    count_message, keep_exchange,
};
pub use self::deletion::{begin_deletion, delete_account};
pub use self::export::{Export, ExportPage, export_account};
pub use self::idempotency::{Done, IdempotencyKey, or_first};
pub use self::journal::{
    Draft, Entry, EntryChange, EntryFields, EntryId, EntryPage, EntryStretch, Insights, InsightsPeriod, Listing,
    Precondition, begin_journal_write, create_entry, delete_entry, entry, expect, journal_insights, list_entries,
    update_entry,
};
pub use self::outbox::{drain_outbox, purge_expired};
pub use self::password_change::{change_password, own_credentials};
pub use self::profile::{Profile, ProfileChange, begin_profile_write, profile, update_profile};
pub use self::session::{
    RevocationScope, Session, create_session, current_session, refresh_session, revoke_sessions, sessions_ended,
};
pub use self::throttle::{LocalCounters, LoginAttempt};
pub use self::token::{Grant, Token};

/// Who a user is. Parsed once, so that no other text can reach a key or a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
