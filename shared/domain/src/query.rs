//! The statements, which `build.rs` generates from the `.sql` files next to the modules.
//!
//! A file contains statements and fragments, each under a heading:
//!
//! ```sql
//! -- name: journal.entry
//! -- A sentence that says what the statement does, and the reasons for its form.
//! -- :entry_id  uuid  the entry
//! -- example: {"entry_id": "$entry"}
//! WITH {session}
//! SELECT …  WHERE id = :entry_id AND user_id = :user_id
//! ```
//!
//! * A comment that begins with `:name` declares a parameter: its type, with `?` if it may be null,
//!   and its meaning. The statement becomes a struct with a field for each parameter, here
//!   `sql::journal::Entry { entry_id }`. The heading may contain another name for the struct, as in
//!   `-- name: journal.entry as EntryById`.
//! * `-- example: {"entry_id": "$entry"}` contains parameters for the tests of plans and
//!   permissions. A parameter that it leaves out is null or comes from the context. Names such as
//!   `$entry` stand for values of the [`Subject`](crate::statements::Subject). Further lines of an
//!   example are indented by three spaces. If there are several examples, they have names, as in
//!   `-- example far back: {…}`.
//! * `-- sorts: REASON` allows a sort in the plan of the example above it, or of all examples if
//!   there is none above it. `-- scans TABLE: REASON` does the same for a sequential scan.
//! * `{entry_columns}` stands for the fragment of that name, which any file may define under the
//!   heading `-- fragment: entry_columns`.
//! * `{live_session}` adds the parameters of the [`Caller`] to a statement, and `{outbox}` those of
//!   the [`WriteContext`].
//! * `{session}` makes a statement a cached read. It has two forms with the same parameters: one
//!   with `{live_session}`, and one with `{known_session}` for a session that is in the cache
//!   ([`CachedQuery::SESSION_KNOWN`]).

use db::{Param, Statement};
use uuid::Uuid;

use crate::Token;

/// A statement with its parameters.
pub(crate) trait Query {
    /// The source of the parameters that are not fields of the struct: `()`, the [`Caller`] or the
    /// [`WriteContext`].
    type Context;

    /// The SQL text, and the name under which it is logged.
    const STATEMENT: Statement;

    /// Returns the parameters in the order of `$1`, `$2` and so on.
    fn params<'a>(&'a self, context: &'a Self::Context) -> Vec<Param<'a>>;
}

/// A read for a caller, whose result is cached.
pub(crate) trait CachedQuery: Query<Context = Caller> {
    /// The form for a caller whose session is in the cache. It has no join with the session, which
    /// Postgres would have to plan.
    const SESSION_KNOWN: Statement;
}

/// The caller on whose behalf a statement is sent.
pub(crate) struct Caller {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) user_id: Uuid,
}

impl From<&Token> for Caller {
    fn from(token: &Token) -> Self {
        Self { token_hash: token.hash().to_vec(), user_id: token.user_id().0 }
    }
}

/// The caller of a write, the `Idempotency-Key`, and the guards that could not be marked.
pub(crate) struct WriteContext {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) user_id: Uuid,
    pub(crate) unmarked_guards: Vec<String>,
    pub(crate) endpoint: Option<&'static str>,
    pub(crate) key_hash: Option<Vec<u8>>,
    pub(crate) request_hash: Option<Vec<u8>>,
}

/// The generated code: a module for each `.sql` file, and a struct for each statement.
pub(crate) mod sql {
    use db::{Param, Statement};
    use jiff::Timestamp;
    use tokio_postgres::types::{ToSql, Type};
    use uuid::Uuid;

    use super::{CachedQuery, Caller, Query, WriteContext};
    use crate::examples::{Exception, Parameters, StatementExamples};

    include!(concat!(env!("OUT_DIR"), "/statements.rs"));
}
