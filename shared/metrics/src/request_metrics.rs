//! What one request counts while it is served.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counters of one request. Every part that the request passes through has a share in the same meter, and so knows for whom it works.
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

/// How a request is called in the logs.
#[derive(Debug)]
struct RequestName {
    id: String,
    endpoint: String,
}

/// How often the cache had a record of a family, and how often it had not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyUse {
    /// Records that were there.
    pub hits: u64,
    /// Records that were not.
    pub misses: u64,
}

/// Where the answer's data came from, as `X-Cache` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CacheOutcome {
    /// From the cache.
    Hit = 1,
    /// From the database, after the cache had nothing.
    Miss = 2,
    /// From the database, because the cache was away or a write was under way.
    Bypass = 3,
}

impl CacheOutcome {
    /// The word in the header and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

impl RequestMetrics {
    /// The meter of a request with this id (Lambda's) and endpoint, such as `GET /api/journal/entries`.
    pub fn of_request(id: &str, endpoint: &str) -> Self {
        Self { request: Some(RequestName { id: id.to_owned(), endpoint: endpoint.to_owned() }), ..Self::default() }
    }

    /// Lambda's id of the request; none outside of one, as on a schedule.
    pub fn request_id(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.id.as_str())
    }

    /// The route of the request, with its placeholders.
    pub fn endpoint(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.endpoint.as_str())
    }

    /// Counts the look-up of one record of a family. A bypass is neither a hit nor a miss: it tells nothing about the cache's use.
    pub fn cache_lookup(&self, family: &'static str, outcome: CacheOutcome) {
        let mut families = self.lock();
        match outcome {
            CacheOutcome::Hit => families.entry(family).or_default().hits += 1,
            CacheOutcome::Miss => families.entry(family).or_default().misses += 1,
            CacheOutcome::Bypass => {}
        }
    }

    /// Notes that an exchange with Redis got no answer, also because Redis is left alone after failures.
    pub fn cache_error(&self) {
        self.cache_failed.store(true, Ordering::Relaxed);
    }

    /// Notes where the answer's data came from.
    pub fn answer_from(&self, outcome: CacheOutcome) {
        self.outcome.store(outcome as u8, Ordering::Relaxed);
    }

    /// Counts one exchange with Redis.
    pub fn cache_round_trip(&self, took: Duration) {
        add(&self.cache_round_trips, 1);
        add(&self.cache_micros, micros(took));
    }

    /// Counts one query.
    pub fn db_query(&self, took: Duration, slow: bool) {
        add(&self.db_queries, 1);
        add(&self.db_micros, micros(took));
        add(&self.slow_queries, u64::from(slow));
    }

    /// Counts one call of the model.
    pub fn llm_call(&self, took: Duration) {
        add(&self.llm_calls, 1);
        add(&self.llm_micros, micros(took));
    }

    /// Counts one call of the model that brought no answer.
    pub fn llm_failure(&self) {
        add(&self.llm_failures, 1);
    }

    /// Counts an answer that needed no call of the model, because the same was asked before.
    pub fn llm_saved(&self) {
        add(&self.llm_saved, 1);
    }

    /// Counts an answer that carries resources for somebody in a crisis.
    pub fn crisis(&self) {
        add(&self.crises, 1);
    }

    /// Counts an answer to a crisis that could not be kept for a reason of ours.
    pub fn crisis_failure(&self) {
        add(&self.crisis_failures, 1);
    }

    /// Where the answer's data came from, if it is of the kind that is cached.
    pub fn outcome(&self) -> Option<CacheOutcome> {
        [CacheOutcome::Hit, CacheOutcome::Miss, CacheOutcome::Bypass]
            .into_iter()
            .find(|outcome| *outcome as u8 == self.outcome.load(Ordering::Relaxed))
    }

    /// Records served from the cache.
    pub fn cache_hits(&self) -> u64 {
        self.lock().values().map(|family| family.hits).sum()
    }

    /// Records that the cache did not have.
    pub fn cache_misses(&self) -> u64 {
        self.lock().values().map(|family| family.misses).sum()
    }

    /// The same for each family whose records were looked up.
    pub fn families(&self) -> BTreeMap<&'static str, FamilyUse> {
        self.lock().clone()
    }

    /// Whether an exchange with Redis got no answer.
    pub fn cache_failed(&self) -> bool {
        self.cache_failed.load(Ordering::Relaxed)
    }

    /// Exchanges with Redis.
    pub fn cache_round_trips(&self) -> u64 {
        self.cache_round_trips.load(Ordering::Relaxed)
    }

    /// Time spent on waiting for Redis.
    pub fn cache_time(&self) -> Duration {
        Duration::from_micros(self.cache_micros.load(Ordering::Relaxed))
    }

    /// Queries sent to Postgres.
    pub fn db_queries(&self) -> u64 {
        self.db_queries.load(Ordering::Relaxed)
    }

    /// Time spent on waiting for Postgres.
    pub fn db_time(&self) -> Duration {
        Duration::from_micros(self.db_micros.load(Ordering::Relaxed))
    }

    /// Calls of the model.
    pub fn llm_calls(&self) -> u64 {
        self.llm_calls.load(Ordering::Relaxed)
    }

    /// Answers that needed no call of the model.
    pub fn saved_llm_calls(&self) -> u64 {
        self.llm_saved.load(Ordering::Relaxed)
    }

    /// Calls of the model that brought no answer.
    pub fn llm_failures(&self) -> u64 {
        self.llm_failures.load(Ordering::Relaxed)
    }

    /// Time spent on waiting for the model.
    pub fn llm_time(&self) -> Duration {
        Duration::from_micros(self.llm_micros.load(Ordering::Relaxed))
    }

    /// Answers that carry resources for somebody in a crisis.
    pub fn crises(&self) -> u64 {
        self.crises.load(Ordering::Relaxed)
    }

    /// Answers to a crisis that could not be kept.
    pub fn crisis_failures(&self) -> u64 {
        self.crisis_failures.load(Ordering::Relaxed)
    }

    /// Queries over the threshold.
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
