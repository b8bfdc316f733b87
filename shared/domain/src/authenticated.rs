//! Reads and writes on behalf of a caller: the session is checked by the same round trip or the same statement.

use cache::{Cache, FillPermit, Key, WriteGuard};
use db::{self, Param, Statement};
use encoded_body::EncodedBody;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::cached::{CachedValue, SessionLookup, look_up_for, session_lookup};
use super::{Session, Token, outbox, session};
use crate::error::{Error, Result};
use crate::store::Store;

/// A statement for a caller. `$1` is the token's hash and `$2` the user; `session` is one row, or none when the session is dead.
/// With `write`, `$3` lists the guards that could not be marked, and they go into the outbox with the change.
/// With `once`, `$4` to `$6` are the columns of an `Idempotency-Key`, and what `answer (response)` gives is kept under it: one row or, when nothing
/// was done, none.
macro_rules! authenticated {
    (once $($rest:expr),+) => {
        authenticated!(
            write
            $($rest),+,
            ", kept AS (
                INSERT INTO idempotency_keys (scope, endpoint, key_hash, user_id, request_hash, response, expires_at)
                SELECT user_id, $4, $5, user_id, $6, response, now() + interval '24 hours' FROM session, answer WHERE $5 IS NOT NULL
            )
            SELECT response FROM session LEFT JOIN answer ON true"
        )
    };
    (write $($rest:expr),+) => {
        authenticated!(", outbox AS (INSERT INTO cache_outbox (guard) SELECT unnest($3) FROM session), ", $($rest),+)
    };
    ($($rest:expr),+) => {
        concat!(
            "WITH session AS MATERIALIZED (
                SELECT s.id AS session_id, s.created_at AS session_created_at, s.expires_at AS session_expires_at, u.id AS user_id, u.email, u.is_active,
                       u.created_at AS account_created_at, u.updated_at AS account_updated_at, u.journal_entry_count
                FROM sessions s JOIN users u ON u.id = s.user_id
                WHERE s.token_hash = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
                    AND s.created_at > u.sessions_since AND u.is_active
            ) ",
            $($rest),+
        )
    };
}
pub(super) use authenticated;

/// A read for a caller in two shapes with the same parameters: which one is sent depends on whether the cache knew the session.
#[derive(Clone, Copy)]
pub(super) struct Read {
    /// Checks the session on the way.
    pub(super) checked: Statement,
    /// Leaves it alone: what it need not join, Postgres need not plan.
    pub(super) known: Statement,
}

/// The read of this name that selects from `session`: from its row, or from the little of the account that belongs to the data.
macro_rules! authenticated_read {
    ($name:literal, $($rest:expr),+) => {
        $crate::authenticated::Read {
            checked: ::db::Statement { name: $name, sql: $crate::authenticated::authenticated!($($rest),+) },
            known: ::db::Statement {
                name: concat!($name, ".known"),
                sql: concat!(
                    "WITH session AS (SELECT id AS user_id, journal_entry_count FROM users WHERE id = $2 AND is_active) ",
                    $($rest),+
                ),
            },
        }
    };
}
pub(super) use authenticated_read;

/// The parameters that every statement made by `authenticated!` begins with.
struct Caller {
    token_hash: Vec<u8>,
    user: Uuid,
}

impl Caller {
    fn new(token: &Token) -> Self {
        Self { token_hash: token.hash().to_vec(), user: token.user_id().0 }
    }

    fn params<'a>(&'a self, rest: &[Param<'a>]) -> Vec<Param<'a>> {
        let mut params: Vec<Param<'a>> = vec![(&self.token_hash, Type::BYTEA), (&self.user, Type::UUID)];
        params.extend_from_slice(rest);
        params
    }
}

/// The caller's session: one round trip to Redis, and the statement if it is not there.
pub(super) async fn session(store: &Store, token: &Token, statement: Statement) -> Result<Session> {
    let (session, outcome) = session_lookup(store, token).await;
    store.metrics.answer_from(outcome);
    if let Some(session) = session.alive {
        return Ok(session);
    }
    let rows = store.db.read(statement, &Caller::new(token).params(&[])).await?;
    remember_session(&store.cache, session.slot, rows.first())
}

/// What the caller asked for as a document: one round trip to Redis; if that does not have both session and document, one statement,
/// whose rows `build` turns into the value. The statement gives at least one row for a live session.
pub(super) async fn read<T: Serialize>(
    store: &Store,
    token: &Token,
    key: &Key,
    read: Read,
    params: &[Param<'_>],
    build: impl FnOnce(&[Row]) -> Result<T>,
) -> Result<EncodedBody> {
    let (session, CachedValue { value, slot, .. }) = look_up_for(store, token, key, EncodedBody::from_bytes).await;
    if let Some(document) = value {
        if !session.is_alive() {
            session.rows(store, token, Read { checked: session::CURRENT, known: session::CURRENT }, &[]).await?;
        }
        return Ok(document);
    }
    let rows = match session.rows(store, token, read, params).await {
        Ok(rows) => rows,
        Err(error) => {
            slot.into_iter().for_each(|slot| store.cache.abandon(slot));
            return Err(error);
        }
    };
    let value = build(&rows)?;
    let document = EncodedBody::new(&value).map_err(Error::internal)?;
    if let Some(slot) = slot {
        store.cache.fill(slot, document.to_bytes());
    }
    Ok(document)
}

impl SessionLookup {
    /// The rows of a read that gives at least one for a live session, which it checks unless the cache knew it.
    pub(super) async fn rows(self, store: &Store, token: &Token, read: Read, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let statement = if self.is_alive() { read.known } else { read.checked };
        let rows = store.db.read(statement, &Caller::new(token).params(params)).await?;
        if self.is_alive() {
            rows.first().ok_or_else(session_expired)?;
        } else {
            remember_session(&store.cache, self.slot, rows.first())?;
        }
        Ok(rows)
    }
}

/// The rows of a statement that is never cached.
pub(super) async fn fetch(
    store: &Store,
    token: &Token,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<Vec<Row>, db::Error> {
    store.db.read(statement, &Caller::new(token).params(params)).await
}

/// Announces a write behind these guards. A database that is known to be away is told before the cache: its marker would cost the
/// readers what they can still be served.
pub(super) async fn begin(store: &Store, guards: Vec<String>) -> Result<WriteGuard> {
    store.db.ready().await?;
    Ok(store.cache.begin(guards).await)
}

/// What a guarded write came to.
pub(super) struct Written {
    pub(super) rows: Vec<Row>,
    /// Whether the cache is known to hold nothing older. If not, it will within a minute.
    pub(super) cleared: bool,
}

/// Runs a statement made by `authenticated!(write …)` between the guard's marker and its clearing.
pub(super) async fn write(
    store: &Store,
    guard: WriteGuard,
    token: &Token,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<Written, db::Error> {
    let unmarked = guard.unmarked().to_vec();
    let mut all: Vec<Param<'_>> = vec![(&unmarked, Type::TEXT_ARRAY)];
    all.extend_from_slice(params);
    execute_guarded(store, guard, statement, &Caller::new(token).params(&all)).await
}

/// Runs a statement between the guard's marker and its clearing. One that could not be marked has to bring its outbox itself.
pub(super) async fn execute_guarded(
    store: &Store,
    guard: WriteGuard,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<Written, db::Error> {
    let (guards, marked) = (guard.guards().to_vec(), guard.unmarked().is_empty());
    match store.db.write(statement, params).await {
        Ok(rows) => {
            let cleared = guard.end().await;
            if !cleared && marked {
                outbox::enqueue(store, &guards).await;
            }
            Ok(Written { rows, cleared })
        }
        Err(error) => {
            // An error that leaves the outcome open leaves the marker too: until it lapses, and the server's time-outs end before it
            // does, readers are answered by the database.
            if error.is_definite() {
                guard.end().await;
            }
            Err(error)
        }
    }
}

fn remember_session(cache: &Cache, slot: Option<FillPermit>, row: Option<&Row>) -> Result<Session> {
    let Some(row) = row else {
        slot.into_iter().for_each(|slot| cache.abandon(slot));
        return Err(session_expired());
    };
    let session = Session::try_from(row).map_err(Error::internal)?;
    if let Some(slot) = slot {
        cache.fill(slot, serde_json::to_vec(&session).map_err(Error::internal)?);
    }
    Ok(session)
}

/// The token is not, or no longer, that of a live session.
pub(super) fn session_expired() -> Error {
    Error::Unauthenticated("The session is over, or there never was one.")
}
