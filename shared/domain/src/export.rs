//! Everything that is kept of a person, for that person.

use db::{Param, Statement};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use uuid::Uuid;

use super::authenticated::{self, authenticated};
use super::conversation::Message;
use super::cursor::Cursor;
use super::journal::{Entry, columns};
use super::{Account, Profile, Session, Token};
use crate::error::{Error, Result};
use crate::request;
use crate::store::Store;
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

pub(super) const EXPORT: Statement = Statement {
    name: "account.export",
    sql: authenticated!(
        "SELECT session.*, p.id AS profile_id, p.traits, p.communication_style, p.preferences,
            p.created_at AS profile_created_at, p.updated_at AS profile_updated_at,
            (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'id', s.id, 'signed_in_at', s.signed_in_at, 'created_at', s.created_at, 'expires_at', s.expires_at,
                    'revoked_at', s.revoked_at
                ) ORDER BY s.created_at DESC), '[]') FROM (
                    SELECT * FROM sessions WHERE user_id = $2 ORDER BY created_at DESC LIMIT 100
                ) s) AS sessions,
            (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.created_at DESC, m.id DESC), '[]') FROM (
                    SELECT id, role, content, created_at FROM messages
                    WHERE conversation_id = (SELECT id FROM conversations WHERE user_id = $2) AND (created_at, id) < ($6, $7)
                    ORDER BY created_at DESC, id DESC LIMIT $8
                ) m) AS messages,
            e.*
        FROM session JOIN user_profiles p ON p.user_id = session.user_id LEFT JOIN LATERAL (
            SELECT ",
        columns!(),
        "
            FROM journal_entries WHERE user_id = $2 AND (created_at, id) < ($3, $4)
            ORDER BY created_at DESC, id DESC LIMIT $5
        ) e ON true"
    ),
};

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

/// A page of everything that is kept of the caller. Nothing of it is cached.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is not alive, [`Error::Unavailable`] when the database is away.
pub async fn export_account(store: &Store, token: &Token, page: ExportPage) -> Result<Export> {
    let ([entry, message], [entries, messages]) = page.section.bounds();
    let params: [Param<'_>; 6] = [
        (&entry.created_at, Type::TIMESTAMPTZ),
        (&entry.id, Type::UUID),
        (&entries, Type::INT8),
        (&message.created_at, Type::TIMESTAMPTZ),
        (&message.id, Type::UUID),
        (&messages, Type::INT8),
    ];
    let rows = authenticated::fetch(store, token, EXPORT, &params).await?;
    let first = rows.first().ok_or_else(authenticated::session_expired)?;
    Export::from_rows(page.section, first, &rows).map_err(Error::internal)
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
