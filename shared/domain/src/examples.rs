//! The examples of the statements, in the form in which `build.rs` writes them.

use db::Statement;
use tokio_postgres::types::Type;

/// The examples of a statement, which `build.rs` generates.
pub(crate) struct StatementExamples {
    pub(crate) statement: Statement,
    /// The form of a cached read for a session that is in the cache.
    pub(crate) known: Option<Statement>,
    pub(crate) examples: &'static [Parameters],
}

/// The parameters of an example.
pub(crate) struct Parameters {
    pub(crate) case: &'static str,
    /// The values as JSON, from `$1` on, with their types.
    pub(crate) values: &'static [(&'static str, Type)],
    pub(crate) exceptions: &'static [Exception],
}

/// A part of a plan that is usually a mistake, but that a statement needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// A sort, and its reason.
    Sort(&'static str),
    /// A sequential scan of a table, and its reason.
    Scan(&'static str, &'static str),
}
