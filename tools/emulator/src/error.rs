//! Errors of the template and of the start of the emulator.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The result of reading a template or of starting the emulator.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a template cannot be read or the emulator cannot start. Every message names the place and
/// the rule that it breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The template is not YAML.
    #[error("{}: not valid YAML: {reason}", path.display())]
    Yaml {
        /// The template.
        path: PathBuf,
        /// Line, column and rule.
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
        /// The requested address.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// A function's program or its runtime API could not be started.
    #[error("cannot start {what}: {source}")]
    Start {
        /// What could not be started.
        what: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// The tables cannot be stored or served.
    #[error("the tables of DynamoDB: {0}")]
    Tables(String),
    /// No function of the template has this name.
    #[error("no function called {0} in the template")]
    UnknownFunction(String),
    /// The environment ended or violated the protocol (only for [`crate::SingleEnvironment`]).
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
