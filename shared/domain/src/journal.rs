//! The journal of a user.
//!
//! All records of a journal in the cache are behind one guard, so that a write drops all of them.

mod entry;
mod fields;
mod filter;
mod insights;
mod list;
mod list_query;
mod new_entry;
mod read;
mod write;

use std::fmt::Display;

use cache::Key;

pub use self::entry::{Entry, EntryFields, EntryId};
pub use self::insights::{Insights, InsightsPeriod};
pub use self::list::{CursorPage, OffsetPage};
pub use self::list_query::ListQuery;
pub use self::new_entry::{EntryPatch, NewEntry};
use crate::families::{INSIGHTS, LISTS};
use crate::store::Store;
use crate::user_id::UserId;

/// The operations on the journal.
#[derive(Clone, Copy)]
pub struct Journal<'a> {
    pub(crate) store: &'a Store,
}

impl Store {
    /// Returns the operations on the journal.
    pub fn journal(&self) -> Journal<'_> {
        Journal { store: self }
    }
}

/// Returns the key of a part of a user's journal: `journal:list:{user_id}:{part}`.
fn key(user: UserId, part: impl Display) -> Key {
    LISTS.key(user.0, format!("journal:list:{user}:{part}"))
}

/// Returns the key of a user's insights, which is behind the same guard.
fn insights_key(user: UserId, days: i32) -> Key {
    LISTS.key(user.0, format!("{INSIGHTS}:{user}:days:{days}"))
}
