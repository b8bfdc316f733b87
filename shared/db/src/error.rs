//! The error of a failed statement.

use tokio_postgres::error::SqlState;

/// The reason why a statement failed. It does not contain the server's message, which may quote
/// what a user wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server is unavailable, overloaded or too slow.
    #[error("the database is unavailable ({reason})")]
    Unavailable {
        /// The SQLSTATE, or a description of the connection failure.
        reason: String,
        /// Whether the connection is unusable. A new connection may succeed.
        connection_lost: bool,
        /// Whether the server reported that it changed nothing.
        undone: bool,
    },
    /// The server rejected the statement and changed nothing.
    #[error("the database rejected the statement (SQLSTATE {code}{})", .constraint.as_deref().map(|c| format!(", {c}")).unwrap_or_default())]
    Rejected {
        /// The SQLSTATE, five characters.
        code: String,
        /// The name of the violated constraint, if there is one.
        constraint: Option<String>,
    },
}

impl Error {
    pub(super) fn timed_out() -> Self {
        Self::Unavailable { reason: "no response in time".to_owned(), connection_lost: true, undone: false }
    }

    pub(super) fn lost(reason: &str) -> Self {
        Self::Unavailable { reason: reason.to_owned(), connection_lost: true, undone: false }
    }

    /// Whether the statement violated this constraint.
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Rejected { constraint: Some(name), .. } if name == constraint)
    }

    /// Whether the server reported that it changed nothing.
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::Unavailable { undone: true, .. })
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            // Without an error of the server, the connection broke or the client failed. Both end
            // the connection.
            return Self::lost(if error.is_closed() { "connection closed" } else { "connection failed" });
        };
        let code = refusal.code();
        if is_transient(code) {
            // A demoted server keeps its connections open, and would reject every write on them.
            let demoted = *code == SqlState::READ_ONLY_SQL_TRANSACTION;
            let cut_off = code.code().starts_with("57P") || code.code().starts_with("08");
            let (connection_lost, undone) = (cut_off || demoted, !cut_off);
            return Self::Unavailable { reason: code.code().to_owned(), connection_lost, undone };
        }
        Self::Rejected { code: code.code().to_owned(), constraint: refusal.constraint().map(str::to_owned) }
    }
}

/// Whether the same statement may succeed later.
///
/// The transient errors are connection failures (08), insufficient resources (53), shutdown and
/// startup (57P), the timeouts that the database enforces (57014, 55P03), deadlocks (40P01) and
/// failovers (25006).
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
