//! What can go wrong with a server.

use std::io;
use std::path::{Path, PathBuf};

use crate::Server;

/// The result of everything that this crate does.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, in words for the person in front of the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's program is nowhere to be found, or too old, and could not be installed.
    #[error("{server} is not installed: {advice}")]
    NotInstalled {
        /// Which server.
        server: Server,
        /// What to do about it.
        advice: String,
    },
    /// The port that was asked for belongs to somebody else.
    #[error("port {port} of 127.0.0.1 is taken, {server} cannot listen there")]
    PortTaken {
        /// Which server.
        server: Server,
        /// The port that was asked for.
        port: u16,
    },
    /// The server did not come up, or did not do what it was told.
    #[error("{server} {what}; the end of its log ({}):\n{tail}", log.display())]
    Failed {
        /// Which server.
        server: Server,
        /// What it did not do.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Another process runs a server out of the same folder.
    #[error("{} is in use: another process runs its server there", .0.display())]
    InUse(PathBuf),
    /// A command that was run to the end reported a failure.
    #[error("{command} failed: {output}")]
    Command {
        /// The command, as one could type it.
        command: String,
        /// What it printed last.
        output: String,
    },
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Its answer.
        source: io::Error,
    },
    /// Postgres refused a statement of ours.
    #[error("{what}: {}", detail(.source))]
    Sql {
        /// What was attempted.
        what: String,
        /// Its answer.
        source: tokio_postgres::Error,
    },
    /// Redis refused a command of ours.
    #[error("{what}: {source}")]
    Redis {
        /// What was attempted.
        what: String,
        /// Its answer.
        source: redis::RedisError,
    },
    /// A certificate could not be made.
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

/// The driver's own text says "db error" and leaves what the server said to its source.
fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}
