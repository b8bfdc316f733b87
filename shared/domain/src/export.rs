//! The export of all data stored about a user.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use uuid::Uuid;

use super::conversation::Message;
use super::cursor::Cursor;
use super::journal::Entry;
use super::{Account, Profile, Session, Token};
use crate::accounts::Accounts;
use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::request;
use crate::validation::{DefaultField, Field, OrDefault, Parsed};

/// The maximum number of entries on a page. 50 of the largest entries fit into Lambda's 6 MB, even
/// if every character is escaped.
const ENTRIES: usize = 50;
/// The maximum number of messages on a page, which then has no entries. 100 of the largest messages
/// fit as well.
const MESSAGES: usize = 100;
/// The prefix of a cursor into the conversation.
const CONVERSATION: &str = "conversation";

request! {
    /// The page of the export to return: first the journal, then the conversation.
    #[derive(Debug, Clone, Copy)]
    pub struct ExportPage {
        /// The `next_cursor` of the previous page. Leave it out for the first page.
        #[rename = "cursor"]
        section: OrDefault<Section>,
    }
}

/// A part of the export.
#[derive(Debug, Clone, Copy)]
enum Section {
    /// The entries after a position.
    Journal(Cursor),
    /// The messages after a position.
    Conversation(Cursor),
}

impl Field for Section {
    type Value = Self;

    fn parse(value: &Value) -> Parsed<Self> {
        match value.as_str().and_then(|text| text.strip_prefix(CONVERSATION)) {
            Some("") => Ok(Self::Conversation(Cursor::START)),
            Some(place) => Cursor::parse(&place.trim_start_matches('_').into()).map(Self::Conversation),
            None => Cursor::parse(value).map(Self::Journal),
        }
    }

    fn schema() -> Schema {
        Cursor::schema()
    }
}

impl DefaultField for Section {
    const DEFAULT: Self = Self::Journal(Cursor::START);
}

impl Section {
    /// Returns the positions after which the entries and the messages of the page begin, and the
    /// numbers of rows to read. To find out whether there is a next page, one row more than the
    /// page contains is read. A page of entries also reads one message.
    fn bounds(self) -> ([Cursor; 2], [i64; 2]) {
        match self {
            Self::Journal(place) => ([place, Cursor::START], [ENTRIES as i64 + 1, 1]),
            Self::Conversation(place) => ([Cursor::START, place], [0, MESSAGES as i64 + 1]),
        }
    }
}

/// A page of the export.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// When this page was created.
    pub exported_at: Timestamp,
    /// The user's account, without the password hash.
    pub account: Account,
    /// The user's profile, as in `GET /api/users/{user_id}/profile`.
    pub profile: Profile,
    /// The latest 100 sessions that are still stored, newest first, including sessions that have
    /// ended.
    #[schema(max_items = 100)]
    pub sessions: Vec<ExportedSession>,
    /// The journal entries of this page, newest first.
    #[schema(max_items = 50)]
    pub journal_entries: Vec<Entry>,
    /// The number of entries on all pages.
    #[schema(minimum = 0)]
    pub journal_entries_total: i64,
    /// The messages of this page, newest first. Empty until all entries are exported.
    pub messages: Vec<Message>,
    /// The `cursor` of the next page, or null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A session without its token.
#[derive(Debug, Serialize, serde::Deserialize, ToSchema)]
pub struct ExportedSession {
    /// The id of the session.
    id: Uuid,
    /// When the user signed in. A refreshed session has the time of the original sign-in.
    signed_in_at: Timestamp,
    /// When the session was opened, by a sign-in or a refresh.
    created_at: Timestamp,
    /// When the session expires. For an ended session, when its record expires.
    expires_at: Timestamp,
    /// When the session was ended, or null if it was not ended.
    #[schema(required)]
    revoked_at: Option<Timestamp>,
}

impl Accounts<'_> {
    /// Returns a page of all data stored about the caller. The page is not cached.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is unavailable.
    pub async fn export(self, token: &Token, page: ExportPage) -> Result<Export> {
        let ([entry, message], [entries_limit, messages_limit]) = page.section.bounds();
        let export = sql::account::Export {
            entries_before_time: entry.created_at,
            entries_before_id: entry.id,
            entries_limit,
            messages_before_time: message.created_at,
            messages_before_id: message.id,
            messages_limit,
        };
        let rows = authenticated::fetch(self.store, token, &export).await?;
        let first = rows.first().ok_or_else(authenticated::session_expired)?;
        Export::from_rows(page.section, first, &rows).map_err(Error::internal)
    }
}

impl Export {
    fn from_rows(section: Section, first: &Row, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let Json(sessions) = first.try_get("sessions")?;
        let mut entries: Vec<Entry> =
            rows.iter().filter_map(|row| Entry::from_joined(row).transpose()).collect::<Result<_, _>>()?;
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.created_at, entry.id)));
        let Json(mut messages): Json<Vec<Message>> = first.try_get("messages")?;
        let next_cursor = match section {
            Section::Journal(_) => {
                let more = Cursor::after(&mut entries, ENTRIES).map(|place| place.to_string());
                let conversation = (!messages.is_empty()).then(|| CONVERSATION.to_owned());
                messages.clear();
                more.or(conversation)
            }
            Section::Conversation(_) => {
                Cursor::after(&mut messages, MESSAGES).map(|place| format!("{CONVERSATION}_{place}"))
            }
        };
        Ok(Self {
            exported_at: Timestamp::now(),
            account: Session::try_from(first)?.account,
            profile: Profile::try_from(first)?,
            sessions,
            journal_entries: entries,
            journal_entries_total: first.try_get("journal_entry_count")?,
            messages,
            next_cursor,
        })
    }
}
