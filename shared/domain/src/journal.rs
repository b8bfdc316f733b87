//! The journal.
//!
//! Everything that is read of a journal is cached behind one guard, so that one write drops all of it.

mod entry;
mod fields;
mod filter;
pub(super) mod insights;
pub(super) mod list;
mod list_query;
mod new_entry;
pub(super) mod read;
pub(super) mod write;

use std::fmt::Display;
use std::time::Duration;

use cache::{Family, Key};

pub use self::entry::{Entry, EntryFields, EntryId};
pub use self::insights::{Insights, InsightsPeriod, journal_insights};
pub use self::list::{CursorPage, OffsetPage, list_entries};
pub use self::list_query::ListQuery;
pub use self::new_entry::{EntryPatch, NewEntry};
pub use self::read::{Precondition, entry, expect};
pub use self::write::{begin_journal_write, create_entry, delete_entry, update_entry};
use super::UserId;

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

/// An entry's columns, but for its owner, whom a session's row names, and for the words that are searched, which repeat the text.
macro_rules! columns {
    () => {
        "id, title, content, mood, mood_emoji, tags, images, ai_insights, created_at, updated_at"
    };
}
pub(super) use columns;
