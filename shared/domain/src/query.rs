//! Statements, as `build.rs` makes them from the `.sql` files beside the modules.
//!
//! A file contains statements and fragments, each under a heading:
//!
//! ```sql
//! -- name: journal.entry
//! -- What the statement does, and why it is written this way.
//! -- :entry_id  uuid  the entry
//! -- example: {"entry_id": "$entry"}
//! WITH {session}
//! SELECT …  WHERE id = :entry_id AND user_id = :user_id
//! ```
//!
//! * A comment that begins with `:name` declares a parameter: its type (with `?` if it may be null) and its meaning. The statement becomes
//!   a struct with a field for each, here `sql::journal::Entry { entry_id }`. The heading may give another name: `-- name: journal.entry as EntryById`.
//! * `-- example: {"entry_id": "$entry"}` gives the statement parameters for the tests of plans and permissions. A parameter
//!   that is not named is null, or comes from the context; `$entry` and the like are values of the
//!   [`Subject`](crate::statements::Subject). Several examples have names: `-- example far back: {…}`.
//! * `-- sorts: REASON` and `-- scans TABLE: REASON` allow the plan of the example above, or of all examples below, a sort or a
//!   sequential scan.
//! * `{entry_columns}` stands for the fragment of that name, which any file may define under `-- fragment: entry_columns`.
//! * `{live_session}` makes a statement one of a [`Caller`]; `{outbox}` one of a write ([`WriteContext`]); these contribute their parameters.
//! * `{session}` makes a statement a cached read. It is sent in two shapes with the same parameters: with `{live_session}`, and, if the
//!   cache knows that the session is live, with `{known_session}` ([`CachedQuery::SESSION_KNOWN`]).

use db::{Param, Statement};
use uuid::Uuid;

use crate::Token;

/// A statement with its parameters.
pub(crate) trait Query {
    /// What the statement needs besides its own parameters: nothing, the [`Caller`], or the [`WriteContext`].
    type Context;

    /// The text and the name under which it is logged.
    const STATEMENT: Statement;

    /// The parameters, in the order of `$1`, `$2` and so on.
    fn params<'a>(&'a self, context: &'a Self::Context) -> Vec<Param<'a>>;
}

/// A read for a caller that is cached.
pub(crate) trait CachedQuery: Query<Context = Caller> {
    /// The shape for a caller whose session the cache knows: what it need not join, Postgres need not plan.
    const SESSION_KNOWN: Statement;
}

/// Who sends a statement.
pub(crate) struct Caller {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) user_id: Uuid,
}

impl From<&Token> for Caller {
    fn from(token: &Token) -> Self {
        Self { token_hash: token.hash().to_vec(), user_id: token.user_id().0 }
    }
}

/// Who sends a write, under which `Idempotency-Key`, and which guards could not be marked.
pub(crate) struct WriteContext {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) user_id: Uuid,
    pub(crate) unmarked_guards: Vec<String>,
    pub(crate) endpoint: Option<&'static str>,
    pub(crate) key_hash: Option<Vec<u8>>,
    pub(crate) request_hash: Option<Vec<u8>>,
}

/// The statements: a module for each `.sql` file, a struct for each statement.
pub(crate) mod sql {
    use db::{Param, Statement};
    use jiff::Timestamp;
    use tokio_postgres::types::{ToSql, Type};
    use uuid::Uuid;

    use super::{CachedQuery, Caller, Query, WriteContext};
    use crate::statements::{Exception, Parameters, StatementExamples};

    include!(concat!(env!("OUT_DIR"), "/statements.rs"));
}
