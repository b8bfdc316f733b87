//! Reads and writes on behalf of a caller: the session is checked by the same round trip or the same statement.

use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Session, Token, outbox, session};
use crate::cache::{Cache, Key, Lookup, Slot, WriteGuard};
use crate::db::{self, Param, Statement};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::metrics::CacheOutcome;
use crate::state::State;

/// How long a read waits while the outbox is finished.
const CATCH_UP_BUDGET: Duration = Duration::from_millis(150);

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
        $crate::store::authenticated::Read {
            checked: $crate::db::Statement { name: $name, sql: $crate::store::authenticated::authenticated!($($rest),+) },
            known: $crate::db::Statement {
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
pub(super) async fn session(state: &State, token: &Token, statement: Statement) -> Result<Session> {
    let (session, outcome) = known_session(state, token).await;
    state.meter.answer_from(outcome);
    if let Some(session) = session.alive {
        return Ok(session);
    }
    let rows = state.db.read(statement, &Caller::new(token).params(&[])).await?;
    remember_session(&state.cache, session.slot, rows.first())
}

/// What the caller asked for as a document: one round trip to Redis; if that does not have both session and document, one statement,
/// whose rows `build` turns into the value. The statement gives at least one row for a live session.
pub(super) async fn read<T: Serialize>(
    state: &State,
    token: &Token,
    key: &Key,
    read: Read,
    params: &[Param<'_>],
    build: impl FnOnce(&[Row]) -> Result<T>,
) -> Result<Document> {
    let (session, Recalled { value, slot, .. }) = recall(state, token, key, Document::from_bytes).await;
    if let Some(document) = value {
        if !session.is_alive() {
            session.rows(state, token, Read { checked: session::CURRENT, known: session::CURRENT }, &[]).await?;
        }
        return Ok(document);
    }
    let rows = match session.rows(state, token, read, params).await {
        Ok(rows) => rows,
        Err(error) => {
            slot.into_iter().for_each(|slot| state.cache.withdraw(slot));
            return Err(error);
        }
    };
    let value = build(&rows)?;
    let document = Document::new(&value).map_err(Error::internal)?;
    if let Some(slot) = slot {
        state.cache.fill(slot, document.to_bytes());
    }
    Ok(document)
}

/// What the cache knows of one thing.
pub(super) struct Recalled<T> {
    pub(super) value: Option<T>,
    /// Where it may be filled in, when the cache does not have it.
    pub(super) slot: Option<Slot>,
    outcome: CacheOutcome,
}

impl<T> Recalled<T> {
    /// Reads a record. One that makes no sense, because a program before this one wrote something else there, is a miss, and taken away for a
    /// better one.
    pub(super) fn new(state: &State, key: &Key, lookup: Lookup, read: impl FnOnce(Vec<u8>) -> Option<T>) -> Self {
        match lookup {
            Lookup::Hit(bytes) => match read(bytes) {
                Some(value) => Self { value: Some(value), slot: None, outcome: CacheOutcome::Hit },
                None => {
                    state.cache.discard(key);
                    Self { value: None, slot: None, outcome: CacheOutcome::Miss }
                }
            },
            Lookup::Miss(slot) => Self { value: None, slot: Some(slot), outcome: CacheOutcome::Miss },
            Lookup::Bypass => Self { value: None, slot: None, outcome: CacheOutcome::Bypass },
        }
    }
}

/// What the cache knows of the caller's session and of one thing that is theirs, in one round trip.
pub(super) async fn recall<T>(
    state: &State,
    token: &Token,
    key: &Key,
    read: impl FnOnce(Vec<u8>) -> Option<T>,
) -> (KnownSession, Recalled<T>) {
    let session_key = token.session_key();
    let [session, data] = look_up(state, [&session_key, key]).await;
    let data = Recalled::new(state, key, data, read);
    state.meter.cache_lookup(data.outcome);
    state.meter.answer_from(data.outcome);
    (KnownSession::new(state, &session_key, session).0, data)
}

/// What the cache knows of the caller's session alone.
pub(super) async fn recall_session(state: &State, token: &Token) -> KnownSession {
    known_session(state, token).await.0
}

async fn known_session(state: &State, token: &Token) -> (KnownSession, CacheOutcome) {
    let key = token.session_key();
    let [session] = look_up(state, [&key]).await;
    KnownSession::new(state, &key, session)
}

/// The caller's session, as far as the cache knows it.
pub(super) struct KnownSession {
    alive: Option<Session>,
    slot: Option<Slot>,
}

impl KnownSession {
    fn new(state: &State, key: &Key, lookup: Lookup) -> (Self, CacheOutcome) {
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Session>(&bytes).ok();
        let Recalled { value, slot, outcome } = Recalled::new(state, key, lookup, read);
        state.meter.cache_lookup(outcome);
        (Self { alive: value.filter(Session::is_alive), slot }, outcome)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.is_some()
    }

    /// The rows of a read that gives at least one for a live session, which it checks unless the cache knew it.
    pub(super) async fn rows(self, state: &State, token: &Token, read: Read, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let statement = if self.is_alive() { read.known } else { read.checked };
        let rows = state.db.read(statement, &Caller::new(token).params(params)).await?;
        if self.is_alive() {
            rows.first().ok_or_else(session_over)?;
        } else {
            remember_session(&state.cache, self.slot, rows.first())?;
        }
        Ok(rows)
    }
}

/// The rows of a statement that is never cached.
pub(super) async fn fetch(
    state: &State,
    token: &Token,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<Vec<Row>, db::Error> {
    state.db.read(statement, &Caller::new(token).params(params)).await
}

/// Announces a write behind these guards. A database that is known to be away is told before the cache: its marker would cost the
/// readers what they can still be served.
pub(super) async fn begin(state: &State, guards: Vec<String>) -> Result<WriteGuard> {
    state.db.ready().await?;
    Ok(state.cache.begin(guards).await)
}

/// What a guarded write came to.
pub(super) struct Written {
    pub(super) rows: Vec<Row>,
    /// Whether the cache is known to hold nothing older. If not, it will within a minute.
    pub(super) cleared: bool,
}

/// Runs a statement made by `authenticated!(write …)` between the guard's marker and its clearing.
pub(super) async fn write(
    state: &State,
    guard: WriteGuard,
    token: &Token,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<Written, db::Error> {
    let unmarked = guard.unmarked().to_vec();
    let mut all: Vec<Param<'_>> = vec![(&unmarked, Type::TEXT_ARRAY)];
    all.extend_from_slice(params);
    carry_out(state, guard, statement, &Caller::new(token).params(&all)).await
}

/// Runs a statement between the guard's marker and its clearing. One that could not be marked has to bring its outbox itself.
pub(super) async fn carry_out(
    state: &State,
    guard: WriteGuard,
    statement: Statement,
    params: &[Param<'_>],
) -> Result<Written, db::Error> {
    let (guards, marked) = (guard.guards().to_vec(), guard.unmarked().is_empty());
    match state.db.write(statement, params).await {
        Ok(rows) => {
            let cleared = guard.end().await;
            if !cleared && marked {
                outbox::enqueue(state, &guards).await;
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

async fn look_up<const N: usize>(state: &State, keys: [&Key; N]) -> [Lookup; N] {
    if state.cache.must_catch_up() {
        // What is not finished in time is finished by the next request, or by the schedule; meanwhile the database answers. Redis is asked
        // first: an outbox that is empty while Redis is still away may not be so when it comes back.
        let catch_up = async {
            if state.cache.ping().await.is_ok() {
                let _ = outbox::drain_outbox(state).await;
            }
        };
        let _ = timeout(CATCH_UP_BUDGET, catch_up).await;
    }
    state.cache.read(keys).await
}

fn remember_session(cache: &Cache, slot: Option<Slot>, row: Option<&Row>) -> Result<Session> {
    let Some(row) = row else {
        slot.into_iter().for_each(|slot| cache.withdraw(slot));
        return Err(session_over());
    };
    let session = Session::try_from(row).map_err(Error::internal)?;
    if let Some(slot) = slot {
        cache.fill(slot, serde_json::to_vec(&session).map_err(Error::internal)?);
    }
    Ok(session)
}

/// The token is not, or no longer, that of a live session.
pub(super) fn session_over() -> Error {
    Error::Unauthenticated("The session is over, or there never was one.")
}
