//! Reads and writes on behalf of a caller. The round trip to Redis or the statement that serves the
//! request also checks the session.

use std::time::Duration;

use cache::{FillPermit, Key, Lookup, WriteGuard};
use db::{Param, Statement};
use encoded_body::EncodedBody;
use metrics::CacheOutcome;
use serde::Serialize;
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::error::{Error, Result};
use crate::query::{CachedQuery, Caller, Query, sql};
use crate::session::Session;
use crate::store::Store;
use crate::token::Token;

/// The time that a read waits for the outbox to be drained.
const DRAIN_BUDGET: Duration = Duration::from_millis(150);

/// Returns the encoded response body of a cached query.
///
/// One round trip to Redis fetches the session and the record. If either is missing, one statement
/// reads what is missing from the database. If the record is missing, `build` turns the rows into
/// the body. The statement must return at least one row for a live session.
pub(crate) async fn cached_read<Q: CachedQuery, T: Serialize>(
    store: &Store,
    token: &Token,
    key: &Key,
    query: &Q,
    build: impl FnOnce(&[Row]) -> Result<T>,
) -> Result<EncodedBody> {
    let (session, CachedValue { value, permit, .. }) = look_up(store, token, key, EncodedBody::from_bytes).await;
    if let Some(body) = value {
        if session.value.is_none() {
            let rows = fetch(store, token, &sql::session::Current {}).await?;
            remember_session(store, session.permit, rows.first())?;
        }
        return Ok(body);
    }
    let rows = match rows(store, token, session, query).await {
        Ok(rows) => rows,
        Err(error) => {
            permit.into_iter().for_each(|permit| store.cache.abandon(permit));
            return Err(error);
        }
    };
    let value = build(&rows)?;
    let body = EncodedBody::new(&value).map_err(Error::internal)?;
    if let Some(permit) = permit {
        store.cache.fill(permit, body.to_bytes());
    }
    Ok(body)
}

/// Returns the rows of a cached read after a miss. The statement checks the session, unless the
/// session was in the cache.
pub(crate) async fn rows<Q: CachedQuery>(
    store: &Store,
    token: &Token,
    session: CachedValue<Session>,
    query: &Q,
) -> Result<Vec<Row>> {
    let is_known = session.value.is_some();
    let statement = if is_known { Q::SESSION_KNOWN } else { Q::STATEMENT };
    let rows = store.db.read(statement, &query.params(&token.into())).await?;
    if is_known {
        rows.first().ok_or_else(session_expired)?;
    } else {
        remember_session(store, session.permit, rows.first())?;
    }
    Ok(rows)
}

/// Returns the caller's session, with one round trip to Redis, and one statement on a miss.
pub(crate) async fn session(store: &Store, token: &Token) -> Result<Session> {
    let session = look_up_session(store, token).await;
    store.metrics.answer_from(session.outcome);
    if let Some(session) = session.value {
        return Ok(session);
    }
    let rows = fetch(store, token, &sql::session::Current {}).await?;
    remember_session(store, session.permit, rows.first())
}

/// Returns the rows of a statement for the caller whose result is never cached.
pub(crate) async fn fetch<Q: Query<Context = Caller>>(
    store: &Store,
    token: &Token,
    query: &Q,
) -> Result<Vec<Row>, db::Error> {
    store.db.read(Q::STATEMENT, &query.params(&token.into())).await
}

/// The result of a lookup of one key.
pub(crate) struct CachedValue<T> {
    pub(crate) value: Option<T>,
    /// Permits one fill of the record, if the cache does not have it.
    pub(crate) permit: Option<FillPermit>,
    pub(crate) outcome: CacheOutcome,
}

impl<T> CachedValue<T> {
    /// Parses a record. If it cannot be parsed, because another release wrote it, it is a miss and
    /// is deleted.
    pub(crate) fn new(store: &Store, key: &Key, lookup: Lookup, parse: impl FnOnce(Vec<u8>) -> Option<T>) -> Self {
        match lookup {
            Lookup::Hit(bytes) => match parse(bytes) {
                Some(value) => Self { value: Some(value), permit: None, outcome: CacheOutcome::Hit },
                None => {
                    store.cache.discard(key);
                    Self { value: None, permit: None, outcome: CacheOutcome::Miss }
                }
            },
            Lookup::Miss(permit) => Self { value: None, permit: Some(permit), outcome: CacheOutcome::Miss },
            Lookup::Bypass => Self { value: None, permit: None, outcome: CacheOutcome::Bypass },
        }
    }

    /// Counts the lookup under the key's family.
    pub(crate) fn counted(self, store: &Store, key: &Key) -> Self {
        store.metrics.cache_lookup(key.family(), self.outcome);
        self
    }
}

/// Looks up the caller's session and one of the caller's records in one round trip.
pub(crate) async fn look_up<T>(
    store: &Store,
    token: &Token,
    key: &Key,
    parse: impl FnOnce(Vec<u8>) -> Option<T>,
) -> (CachedValue<Session>, CachedValue<T>) {
    let session_key = token.session_key();
    let [session, record] = read(store, [&session_key, key]).await;
    let record = CachedValue::new(store, key, record, parse).counted(store, key);
    store.metrics.answer_from(record.outcome);
    (cached_session(store, &session_key, session), record)
}

/// Looks up only the caller's session.
pub(crate) async fn look_up_session(store: &Store, token: &Token) -> CachedValue<Session> {
    let key = token.session_key();
    let [session] = read(store, [&key]).await;
    cached_session(store, &key, session)
}

fn cached_session(store: &Store, key: &Key, lookup: Lookup) -> CachedValue<Session> {
    let parse = |bytes: Vec<u8>| serde_json::from_slice::<Session>(&bytes).ok();
    let mut session = CachedValue::new(store, key, lookup, parse).counted(store, key);
    session.value = session.value.filter(Session::is_alive);
    session
}

async fn read<const N: usize>(store: &Store, keys: [&Key; N]) -> [Lookup; N] {
    if store.cache.needs_drain() {
        // If the time runs out, the next request or `cache-monitor` completes the drain, and the
        // database answers until then. Redis is pinged first, because an outbox that is empty while
        // Redis is down must not count as drained. The outbox may have rows by the time that Redis
        // is back. The future is boxed because it is large and rarely needed.
        let drain = Box::pin(async {
            if store.cache.ping().await.is_ok() {
                let _ = store.outbox().drain().await;
            }
        });
        let _ = timeout(DRAIN_BUDGET, drain).await;
    }
    store.cache.read(keys).await
}

/// Announces a write behind these guards. If the database is known to be unavailable, fails before
/// it marks them, so that the cache can still serve its records.
pub(crate) async fn begin(store: &Store, guards: Vec<String>) -> Result<WriteGuard> {
    store.db.ready().await?;
    Ok(store.cache.begin(guards).await)
}

/// The result of a guarded write.
pub(crate) struct Written {
    pub(crate) rows: Vec<Row>,
    /// Whether the cache is known to have no older record. If not, the outbox clears it within a
    /// minute.
    pub(crate) cleared: bool,
}

/// Executes a statement while the guards are marked, and clears them afterwards. If the guards
/// could not be marked, the statement itself must write them into the outbox.
pub(crate) async fn execute_guarded(
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
                store.outbox().enqueue(&guards).await;
            }
            Ok(Written { rows, cleared })
        }
        Err(error) => {
            // If the outcome of the statement is unknown, the marker stays, and the database
            // answers until the marker expires. The server's own time-outs end the statement before
            // that.
            if error.is_definite() {
                guard.end().await;
            }
            Err(error)
        }
    }
}

fn remember_session(store: &Store, permit: Option<FillPermit>, row: Option<&Row>) -> Result<Session> {
    let Some(row) = row else {
        permit.into_iter().for_each(|permit| store.cache.abandon(permit));
        return Err(session_expired());
    };
    let session = Session::try_from(row).map_err(Error::internal)?;
    if let Some(permit) = permit {
        store.cache.fill(permit, serde_json::to_vec(&session).map_err(Error::internal)?);
    }
    Ok(session)
}

/// Returns the error for a token that does not belong to a live session.
pub(crate) fn session_expired() -> Error {
    Error::Unauthenticated("The session has ended, or it never existed. Sign in again.")
}
