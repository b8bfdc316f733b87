//! Errors while installing, starting or using servers.

use std::io;
use std::path::{Path, PathBuf};

use crate::Server;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error while installing, starting or using a server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's executable is missing or too old, and could not be installed.
    #[error("{server} is not installed: {advice}")]
    NotInstalled {
        /// The server that is missing.
        server: Server,
        /// The steps that install the server.
        advice: String,
    },
    /// Another process uses the requested port.
    #[error("{server} cannot listen on port {port} of 127.0.0.1: another process uses the port; choose another port")]
    PortTaken {
        /// The server that requested the port.
        server: Server,
        /// The port that was requested.
        port: u16,
    },
    /// The server did not start, or did not do what was requested.
    #[error("{server} {failure}; the end of its log ({}):\n{tail}", log.display())]
    Failed {
        /// The server that failed.
        server: Server,
        /// The rest of a sentence that begins with the server's name, such as
        /// `exited before it was ready`.
        failure: String,
        /// The server's log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Another process runs a server in the same directory.
    #[error("another process runs a server in {}", .0.display())]
    InUse(PathBuf),
    /// A command exited with an error.
    #[error("{command} failed: {output}")]
    Command {
        /// The command that failed.
        command: String,
        /// The last lines of its output.
        output: String,
    },
    /// The operating system reported an error.
    #[error("{operation}: {source}")]
    Io {
        /// The failed operation, such as `cannot write /tmp/pid`.
        operation: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// Postgres rejected a statement.
    #[error("{operation}: {}", detail(.source))]
    Sql {
        /// The failed operation, such as `cannot create database kai`.
        operation: String,
        /// The error of the Postgres client.
        source: tokio_postgres::Error,
    },
    /// Redis rejected a command.
    #[error("{operation}: {source}")]
    Redis {
        /// The failed operation, such as `cannot form a cluster`.
        operation: String,
        /// The error of the Redis client.
        source: redis::RedisError,
    },
    /// A certificate could not be created.
    #[error("cannot create a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl Error {
    pub(crate) fn io(operation: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let operation = operation.into();
        move |source| Self::Io { operation, source }
    }

    pub(crate) fn path(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }

    pub(crate) fn sql(operation: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let operation = operation.into();
        move |source| Self::Sql { operation, source }
    }

    pub(crate) fn redis(operation: &'static str) -> impl FnOnce(redis::RedisError) -> Self {
        move |source| Self::Redis { operation: operation.to_owned(), source }
    }
}

/// Returns the server's message with its SQLSTATE code. The driver's own text is only "db error".
fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}
