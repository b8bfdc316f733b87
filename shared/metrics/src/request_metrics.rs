//! Counters of one request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The counters of one request. All layers that serve the request share them, and can read the
/// request's id and endpoint from them.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    request: Option<RequestName>,
    families: Mutex<BTreeMap<&'static str, FamilyUse>>,
    cache_failed: AtomicBool,
    cache_round_trips: AtomicU64,
    cache_micros: AtomicU64,
    db_queries: AtomicU64,
    db_micros: AtomicU64,
    slow_queries: AtomicU64,
    llm_calls: AtomicU64,
    llm_saved: AtomicU64,
    llm_micros: AtomicU64,
    llm_failures: AtomicU64,
    crises: AtomicU64,
    crisis_failures: AtomicU64,
    outcome: AtomicU8,
}

/// The id and the endpoint of a request in the logs.
#[derive(Debug)]
struct RequestName {
    id: String,
    endpoint: String,
}

/// The number of cache hits and misses of a family of records.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyUse {
    /// The number of records that the cache had.
    pub hits: u64,
    /// The number of records that the cache did not have.
    pub misses: u64,
}

/// The source of a response's data, as reported by the header `X-Cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CacheOutcome {
    /// The data came from the cache.
    Hit = 1,
    /// The data came from the database, because the cache had no record.
    Miss = 2,
    /// The data came from the database, because the cache was unavailable or a write was in
    /// progress.
    Bypass = 3,
}

impl CacheOutcome {
    /// Returns the word for the header and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

impl RequestMetrics {
    /// Creates the counters of a request with this Lambda request id and endpoint, such as `GET
    /// /api/journal/entries`.
    pub fn of_request(id: &str, endpoint: &str) -> Self {
        Self { request: Some(RequestName { id: id.to_owned(), endpoint: endpoint.to_owned() }), ..Self::default() }
    }

    /// Returns Lambda's request id, or `None` outside of an HTTP request, for example on a
    /// schedule.
    pub fn request_id(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.id.as_str())
    }

    /// Returns the route of the request, with its placeholders.
    pub fn endpoint(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.endpoint.as_str())
    }

    /// Counts the lookup of a record of a family. A bypass is neither a hit nor a miss, because it
    /// says nothing about the effectiveness of the cache.
    pub fn cache_lookup(&self, family: &'static str, outcome: CacheOutcome) {
        let mut families = self.lock();
        match outcome {
            CacheOutcome::Hit => families.entry(family).or_default().hits += 1,
            CacheOutcome::Miss => families.entry(family).or_default().misses += 1,
            CacheOutcome::Bypass => {}
        }
    }

    /// Records that Redis did not reply, or was not asked because the circuit breaker is open.
    pub fn cache_error(&self) {
        self.cache_failed.store(true, Ordering::Relaxed);
    }

    /// Records the source of the response's data.
    pub fn answer_from(&self, outcome: CacheOutcome) {
        self.outcome.store(outcome as u8, Ordering::Relaxed);
    }

    /// Counts a round trip to Redis.
    pub fn cache_round_trip(&self, took: Duration) {
        add(&self.cache_round_trips, 1);
        add(&self.cache_micros, micros(took));
    }

    /// Counts a query of the database.
    pub fn db_query(&self, took: Duration, slow: bool) {
        add(&self.db_queries, 1);
        add(&self.db_micros, micros(took));
        add(&self.slow_queries, u64::from(slow));
    }

    /// Counts a call of the model.
    pub fn llm_call(&self, took: Duration) {
        add(&self.llm_calls, 1);
        add(&self.llm_micros, micros(took));
    }

    /// Counts a failed call of the model.
    pub fn llm_failure(&self) {
        add(&self.llm_failures, 1);
    }

    /// Counts a reply without a call of the model, because the same message had been answered
    /// before.
    pub fn llm_saved(&self) {
        add(&self.llm_saved, 1);
    }

    /// Counts a reply with crisis resources.
    pub fn crisis(&self) {
        add(&self.crises, 1);
    }

    /// Counts a reply with crisis resources that could not be stored because of a server error.
    pub fn crisis_failure(&self) {
        add(&self.crisis_failures, 1);
    }

    /// Returns the source of the response's data, or `None` if such data are never cached.
    pub fn outcome(&self) -> Option<CacheOutcome> {
        [CacheOutcome::Hit, CacheOutcome::Miss, CacheOutcome::Bypass]
            .into_iter()
            .find(|outcome| *outcome as u8 == self.outcome.load(Ordering::Relaxed))
    }

    /// Returns the number of records that the cache had.
    pub fn cache_hits(&self) -> u64 {
        self.lock().values().map(|family| family.hits).sum()
    }

    /// Returns the number of records that the cache did not have.
    pub fn cache_misses(&self) -> u64 {
        self.lock().values().map(|family| family.misses).sum()
    }

    /// Returns the hits and misses of each family whose records were looked up.
    pub fn families(&self) -> BTreeMap<&'static str, FamilyUse> {
        self.lock().clone()
    }

    /// Whether Redis did not reply, or was not asked because the circuit breaker is open.
    pub fn cache_failed(&self) -> bool {
        self.cache_failed.load(Ordering::Relaxed)
    }

    /// Returns the number of round trips to Redis.
    pub fn cache_round_trips(&self) -> u64 {
        self.cache_round_trips.load(Ordering::Relaxed)
    }

    /// Returns the time spent waiting for Redis.
    pub fn cache_time(&self) -> Duration {
        Duration::from_micros(self.cache_micros.load(Ordering::Relaxed))
    }

    /// Returns the number of queries sent to Postgres.
    pub fn db_queries(&self) -> u64 {
        self.db_queries.load(Ordering::Relaxed)
    }

    /// Returns the time spent waiting for Postgres.
    pub fn db_time(&self) -> Duration {
        Duration::from_micros(self.db_micros.load(Ordering::Relaxed))
    }

    /// Returns the number of calls of the model.
    pub fn llm_calls(&self) -> u64 {
        self.llm_calls.load(Ordering::Relaxed)
    }

    /// Returns the number of replies without a call of the model.
    pub fn saved_llm_calls(&self) -> u64 {
        self.llm_saved.load(Ordering::Relaxed)
    }

    /// Returns the number of failed calls of the model.
    pub fn llm_failures(&self) -> u64 {
        self.llm_failures.load(Ordering::Relaxed)
    }

    /// Returns the time spent waiting for the model.
    pub fn llm_time(&self) -> Duration {
        Duration::from_micros(self.llm_micros.load(Ordering::Relaxed))
    }

    /// Returns the number of replies with crisis resources.
    pub fn crises(&self) -> u64 {
        self.crises.load(Ordering::Relaxed)
    }

    /// Returns the number of replies with crisis resources that could not be stored.
    pub fn crisis_failures(&self) -> u64 {
        self.crisis_failures.load(Ordering::Relaxed)
    }

    /// Returns the number of queries that reached the slow query threshold.
    pub fn slow_queries(&self) -> u64 {
        self.slow_queries.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, FamilyUse>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
