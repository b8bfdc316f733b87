//! Kai's nouns and all of its SQL.
//!
//! A function that reads takes the caller's [`Token`] and answers only if its session is alive: one round trip to Redis asks
//! for both, and the same statement checks a session that is not cached. A function that changes what is cached takes a
//! [`WriteGuard`](cache::WriteGuard).

mod account;
mod authenticated;
mod cached;
mod conversation;
mod cursor;
mod deletion;
pub mod error;
mod export;
mod idempotency;
mod idempotent_write;
mod journal;
mod memory_budgets;
mod outbox;
pub mod password;
mod password_change;
mod profile;
mod rate_limit;
mod session;
pub mod statements;
mod store;
mod token;
pub mod validation;

use std::fmt;

use uuid::Uuid;

pub use self::account::{Account, Credentials, Email, NewPassword, Password, PresentPassword, credentials, register};
pub use self::conversation::{
    Answer, ChatLookup, ChatMessage, Exchange, History, HistoryPage, Leader, Message, Metadata, ModelReply, Question,
    Safety, SingleFlight, ask, begin_conversation_reset, begin_crisis_exchange, begin_exchange, clear_conversation,
    conversation_history, count_message, keep_exchange,
};
pub use self::deletion::{begin_deletion, delete_account};
pub use self::error::{Error, Result};
pub use self::export::{Export, ExportPage, export_account};
pub use self::idempotency::{Empty, IdempotencyKey, or_replay};
pub use self::journal::{
    CursorPage, Entry, EntryFields, EntryId, EntryPatch, Insights, InsightsPeriod, ListQuery, NewEntry, OffsetPage,
    Precondition, begin_journal_write, create_entry, delete_entry, entry, expect, journal_insights, list_entries,
    update_entry,
};
pub use self::memory_budgets::MEMORY_BUDGETS;
pub use self::outbox::{drain_outbox, purge_expired};
pub use self::password_change::{change_password, own_credentials};
pub use self::profile::{Profile, ProfilePatch, begin_profile_write, profile, update_profile};
pub use self::rate_limit::{LocalCounters, LoginAttempt};
pub use self::session::{
    RevocationScope, Session, create_session, current_session, refresh_session, revoke_sessions, sessions_ended,
};
pub use self::store::Store;
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
