//! Everything that is kept of a person, for that person.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use utoipa::ToSchema;
use uuid::Uuid;

use super::authenticated::{self, authenticated};
use super::journal::{Entry, Position, columns};
use super::{Account, Profile, Session, Token};
use crate::db::{Param, Statement};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::state::State;

/// Entries of a page. Fifty of the largest, escaped as badly as can be, fit into Lambda's 6 MB.
const PAGE_SIZE: usize = 50;

/// Which part of the export is asked for.
#[derive(Debug, Clone, Copy)]
pub struct ExportPage(Position);

impl ExportPage {
    /// Reads `cursor`, the `next_cursor` of the page before.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none.
    pub fn read(mut query: Fields) -> Result<Self> {
        let cursor = query.optional("cursor", Position::parse);
        query.finish(Some(Self(cursor.unwrap_or(Position::START))))
    }
}

const EXPORT: Statement = Statement {
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
pub async fn export_account(state: &State, token: &Token, page: ExportPage) -> Result<Export> {
    let (ExportPage(position), one_more) = (page, PAGE_SIZE as i64 + 1);
    let params: [Param<'_>; 3] =
        [(&position.created_at, Type::TIMESTAMPTZ), (&position.id, Type::UUID), (&one_more, Type::INT8)];
    let rows = authenticated::fetch(state, token, EXPORT, &params).await?;
    let first = rows.first().ok_or_else(authenticated::session_over)?;
    Export::from_rows(first, &rows).map_err(Error::internal)
}

impl Export {
    fn from_rows(first: &Row, rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let Json(sessions) = first.try_get("sessions")?;
        let mut entries: Vec<Entry> =
            rows.iter().filter_map(|row| Entry::from_joined(row).transpose()).collect::<Result<_, _>>()?;
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.created_at, entry.id)));
        let next = Position::after(&mut entries, PAGE_SIZE);
        Ok(Self {
            exported_at: Timestamp::now(),
            account: Session::try_from(first)?.account,
            profile: Profile::try_from(first)?,
            sessions,
            journal_entries: entries,
            journal_entries_total: first.try_get("journal_entry_count")?,
            next_cursor: next.map(|position| position.to_string()),
        })
    }
}
