//! Errors of servers.

use std::io;
use std::path::{Path, PathBuf};

use crate::Server;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server cannot be installed, started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's executable is missing or too old, and could not be installed.
    #[error("{server} is not installed: {advice}")]
    NotInstalled {
        /// The server.
        server: Server,
        /// The remedy.
        advice: String,
    },
    /// Another process uses the requested port.
    #[error("port {port} of 127.0.0.1 is taken, {server} cannot listen there")]
    PortTaken {
        /// The server.
        server: Server,
        /// The requested port.
        port: u16,
    },
    /// The server did not start, or did not do what was requested.
    #[error("{server} {what}; the end of its log ({}):\n{tail}", log.display())]
    Failed {
        /// The server.
        server: Server,
        /// What the server did not do.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Another process runs a server in the same directory.
    #[error("{} is in use: another process runs its server there", .0.display())]
    InUse(PathBuf),
    /// A command failed.
    #[error("{command} failed: {output}")]
    Command {
        /// The command line.
        command: String,
        /// Its last output.
        output: String,
    },
    /// The operating system reported an error.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The error.
        source: io::Error,
    },
    /// Postgres rejected a statement.
    #[error("{what}: {}", detail(.source))]
    Sql {
        /// What was attempted.
        what: String,
        /// The error.
        source: tokio_postgres::Error,
    },
    /// Redis rejected a command.
    #[error("{what}: {source}")]
    Redis {
        /// What was attempted.
        what: String,
        /// The error.
        source: redis::RedisError,
    },
    /// A certificate could not be created.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn path(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }

    pub(crate) fn sql(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let what = what.into();
        move |source| Self::Sql { what, source }
    }

    pub(crate) fn redis(what: &'static str) -> impl FnOnce(redis::RedisError) -> Self {
        move |source| Self::Redis { what: what.to_owned(), source }
    }
}

/// Returns the message of the server. The driver's own text is "db error", and its source has the
/// message.
fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}
