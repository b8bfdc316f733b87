//! What Postgres says when it does not do as told.

use tokio_postgres::error::SqlState;

/// A statement came to nothing. Neither variant holds the server's message, which may quote what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server is away, overloaded or too slow.
    #[error("the database is unavailable ({reason})")]
    Unavailable {
        /// A SQLSTATE, or a word for what happened on the way.
        reason: String,
        /// Whether the connection is gone, so that a fresh one may fare better.
        connection_lost: bool,
        /// Whether the server told that nothing was changed.
        undone: bool,
    },
    /// The server refused the statement and changed nothing.
    #[error("the database refused the statement (SQLSTATE {code}{})", .constraint.as_deref().map(|c| format!(", {c}")).unwrap_or_default())]
    Rejected {
        /// The SQLSTATE.
        code: String,
        /// The name of the violated constraint, if it was one.
        constraint: Option<String>,
    },
}

impl Error {
    pub(super) fn timed_out() -> Self {
        Self::Unavailable { reason: "no answer in time".to_owned(), connection_lost: true, undone: false }
    }

    pub(super) fn lost(reason: &str) -> Self {
        Self::Unavailable { reason: reason.to_owned(), connection_lost: true, undone: false }
    }

    /// Whether the statement broke this unique constraint.
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Rejected { constraint: Some(name), .. } if name == constraint)
    }

    /// Whether the server told that nothing was changed.
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::Unavailable { undone: true, .. })
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            // No server error means that the wire broke or the client could not speak; both end the connection.
            return Self::lost(if error.is_closed() { "connection closed" } else { "connection failed" });
        };
        let code = refusal.code();
        if is_transient(code) {
            // A server that has been demoted keeps its connections, and would refuse every write for as long as they live.
            let demoted = *code == SqlState::READ_ONLY_SQL_TRANSACTION;
            let cut_off = code.code().starts_with("57P") || code.code().starts_with("08");
            let (connection_lost, undone) = (cut_off || demoted, !cut_off);
            return Self::Unavailable { reason: code.code().to_owned(), connection_lost, undone };
        }
        Self::Rejected { code: code.code().to_owned(), constraint: refusal.constraint().map(str::to_owned) }
    }
}

/// Whether the same statement may succeed a little later: connection trouble (08), resources (53), shutdown and start-up (57P),
/// a time-out of ours (57014, 55P03), a deadlock or a failover (40P01, 25006).
fn is_transient(code: &SqlState) -> bool {
    ["08", "53", "57P"].iter().any(|class| code.code().starts_with(class))
        || [
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}
