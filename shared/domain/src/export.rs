//! Everything that is kept of a person, for that person.

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
use crate::account::Accounts;
use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::request;
use crate::validation::{DefaultField, Field, OrDefault, Parsed};

/// Entries of a page. Fifty of the largest, escaped as badly as can be, fit into Lambda's 6 MB.
const ENTRIES: usize = 50;
/// Messages of a page, which has no entries. A hundred of the largest fit as well.
const MESSAGES: usize = 100;
/// What a cursor into the conversation begins with.
const CONVERSATION: &str = "conversation";

request! {
    /// Which part of the export is asked for: first the journal, then the conversation.
    #[derive(Debug, Clone, Copy)]
    pub struct ExportPage {
        /// The `next_cursor` of the previous page.
        #[rename = "cursor"]
        section: OrDefault<Section>,
    }
}

/// A part of the export.
#[derive(Debug, Clone, Copy)]
enum Section {
    /// Entries behind a place.
    Journal(Cursor),
    /// Messages behind a place.
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
    /// Where entries begin and how many, and the same of messages. Of the other part one row tells whether there is any.
    fn bounds(self) -> ([Cursor; 2], [i64; 2]) {
        match self {
            Self::Journal(place) => ([place, Cursor::START], [ENTRIES as i64 + 1, 1]),
            Self::Conversation(place) => ([Cursor::START, place], [0, MESSAGES as i64 + 1]),
        }
    }
}

/// One page: who the person is, and what they have written, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// When this page was put together.
    pub exported_at: Timestamp,
    /// The account.
    pub account: Account,
    /// The profile.
    pub profile: Profile,
    /// The latest hundred sessions that are still known, dead ones too.
    #[schema(max_items = 100)]
    pub sessions: Vec<ExportedSession>,
    /// Part of the journal.
    #[schema(max_items = 50)]
    pub journal_entries: Vec<Entry>,
    /// All entries there are.
    #[schema(minimum = 0)]
    pub journal_entries_total: i64,
    /// Part of the conversation, once the journal is through.
    pub messages: Vec<Message>,
    /// For the next page, or null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A session, without what would sign in.
#[derive(Debug, Serialize, serde::Deserialize, ToSchema)]
pub struct ExportedSession {
    id: Uuid,
    signed_in_at: Timestamp,
    created_at: Timestamp,
    expires_at: Timestamp,
    #[schema(required)]
    revoked_at: Option<Timestamp>,
}

impl Accounts<'_> {
    /// A page of everything that is stored about the caller. Nothing of it is cached.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the database is unavailable.
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
