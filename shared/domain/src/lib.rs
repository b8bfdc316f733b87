//! Accounts, sessions, profiles, the journal and the conversation: their types, all SQL, and their
//! cache families.
//!
//! A handler calls the methods of [`Store`], such as `store.journal().list(&token, &query)`. Each
//! method takes the caller's [`Token`] and succeeds only if its session is live. The round trip to
//! Redis or the statement that serves the request also checks the session. A write announces itself
//! to the cache, and drops the outdated records before it returns.
//!
//! The statements are in the `.sql` files next to the modules; `query.rs` describes their format.

mod account;
mod accounts;
mod authenticated;
mod conversation;
mod cursor;
mod deletion;
pub mod error;
mod examples;
mod export;
mod families;
mod idempotency;
mod idempotent_write;
mod journal;
mod local_counters;
mod outbox;
pub mod password;
mod password_change;
mod profile;
mod query;
mod rate_limit;
mod session;
mod sessions;
pub mod statements;
mod store;
mod token;
mod user_id;
pub mod validation;

pub use self::account::*;
pub use self::accounts::*;
pub use self::conversation::*;
pub use self::error::{Error, Result};
pub use self::export::*;
pub use self::families::MEMORY_BUDGETS;
pub use self::idempotency::*;
pub use self::journal::*;
pub use self::local_counters::LocalCounters;
pub use self::outbox::Outbox;
pub use self::profile::*;
pub use self::rate_limit::*;
pub use self::session::*;
pub use self::sessions::*;
pub use self::store::Store;
pub use self::token::*;
pub use self::user_id::UserId;
