//! Errors in the template and at the start of the emulator.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The result of reading a template or of starting the emulator.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error in a template, or at the start of the emulator. Every message names the place of the
/// error and the violated rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The template is not valid YAML.
    #[error("{}: not valid YAML: {reason}", path.display())]
    Yaml {
        /// The path of the template.
        path: PathBuf,
        /// The violated rule, with line and column.
        reason: String,
    },
    /// A property of the template is missing, malformed or not emulated.
    #[error("{resource}: {property}: {rule}")]
    Template {
        /// The logical id of the resource, or the section of the template.
        resource: String,
        /// The path of the property below `Properties`.
        property: String,
        /// The rule for valid values.
        rule: String,
    },
    /// The binary of a function is missing.
    #[error("{resource}: no binary at {} (build it first)", path.display())]
    Binary {
        /// The logical id of the function.
        resource: String,
        /// The expected path of the binary.
        path: PathBuf,
    },
    /// The address of the HTTP API cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was requested.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// A function's program or its Runtime API could not be started.
    #[error("cannot start {}: {source}", path.display())]
    Start {
        /// The path of the program.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The `DynamoDB` tables cannot be stored or served.
    #[error("cannot store or serve the DynamoDB tables: {0}")]
    Tables(String),
    /// No function of the template has this name.
    #[error("the template has no function named {0}")]
    UnknownFunction(String),
    /// A [`crate::SingleEnvironment`] exited, timed out or violated the protocol of the Runtime
    /// API.
    #[error("{0}")]
    Environment(String),
}

impl Error {
    pub(crate) fn template(resource: impl Into<String>, property: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Template { resource: resource.into(), property: property.into(), rule: rule.into() }
    }

    pub(crate) fn environment(reason: impl Into<String>) -> Self {
        Self::Environment(reason.into())
    }
}
