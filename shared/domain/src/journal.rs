//! The journal.
//!
//! Everything that is read of a journal is cached behind one guard, so that one write drops all of it.

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
use std::time::Duration;

use cache::{Family, Key};

pub use self::entry::{Entry, EntryFields, EntryId};
pub use self::insights::{Insights, InsightsPeriod};
pub use self::list::{CursorPage, OffsetPage};
pub use self::list_query::ListQuery;
pub use self::new_entry::{EntryPatch, NewEntry};
use crate::store::Store;
use crate::user_id::UserId;

/// The journal.
#[derive(Clone, Copy)]
pub struct Journal<'a> {
    pub(crate) store: &'a Store,
}

pub(super) const LISTS: Family = Family { prefix: "journal:list", ttl: Duration::from_secs(300) };

/// How the names of the insights' keys begin, which are of the same family.
pub(super) const INSIGHTS: &str = "journal:insights";

/// The key of something that is read of a user's journal: `journal:list:{user_id}:{what}`.
fn key(user: UserId, what: impl Display) -> Key {
    LISTS.key(user.0, format!("journal:list:{user}:{what}"))
}

/// The key of a user's insights, behind the same guard.
fn insights_key(user: UserId, days: i32) -> Key {
    LISTS.key(user.0, format!("{INSIGHTS}:{user}:days:{days}"))
}
