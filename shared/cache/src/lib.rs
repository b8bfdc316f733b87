//! Cache-aside for Redis that never serves data older than an acknowledged write.
//!
//! Plain cache-aside has a race. A reader loads the old value from the database, a writer commits
//! and deletes the key, and then the slow reader stores the old value. This crate closes the race
//! with *guarded generations*.
//!
//! # Terms
//!
//! * The *owner* of data is a user or a tenant. A [`Family`] is one kind of data, such as the pages
//!   of a list.
//! * A *record* is a cached value. It is *sealed*: encrypted, and bound to its name and to the
//!   generation under which it was filled (see [`record`]).
//! * Each owner and family has a *guard*, which is a key in Redis. It contains a generation, a
//!   marker or nothing.
//! * A *generation* is a random value that names the time between two writes. It is *live* while
//!   the guard contains it. A record is served only if its generation is live.
//! * A *marker* announces a write that is in progress. Until it is cleared or expires, nothing is
//!   served from the cache and nothing is filled.
//! * The *outbox* is a table of the caller's database. It contains the names of the guards that
//!   Redis could not mark or clear.
//!
//! Dropping a guard takes one command and drops every record behind it. The names of the records
//! are not needed.
//!
//! # Protocol
//!
//! ```text
//! read   SET guard g<new> NX GET EX 90000   ┐ one round trip
//!        GET record                         ┘
//! fill   SET record <sealed> EX <ttl>         a late fill has a dead generation and is not served
//! write  begin: guard := !<nonce>             before the statement that commits
//!        … commit …
//!        end:   guard := (nothing)            before the write is acknowledged
//! ```
//!
//! ```ignore
//! const ENTRIES: Family = Family { prefix: "entries", ttl: Duration::from_secs(300) };
//!
//! // Read: one round trip. On a miss, load the value and fill the record.
//! let key = ENTRIES.key(owner, format!("entries:{owner}:page:1"));
//! let [lookup] = cache.read([&key]).await;
//! let body = match lookup {
//!     Lookup::Hit(body) => body,
//!     Lookup::Miss(permit) => {
//!         let body = load().await?;
//!         cache.fill(permit, body.clone());
//!         body
//!     }
//!     Lookup::Bypass => load().await?,
//! };
//!
//! // Write: mark the guard, commit, clear the guard, and only then acknowledge the write.
//! let guard = cache.begin(vec![ENTRIES.guard(owner)]).await;
//! let guards = guard.guards().to_vec();
//! let marked = guard.unmarked().is_empty();
//! // If the guard is not marked, its name goes into the outbox in the transaction of the write.
//! save(guard.unmarked()).await?;
//! if !guard.end().await && marked {
//!     enqueue(&guards).await?;
//! }
//! ```
//!
//! If the outcome of the statement is unknown, do not call [`WriteGuard::end`]. The marker then
//! expires after 30 s.
//!
//! # Guarantee
//!
//! A read that begins after a write was acknowledged never returns older data, in any process. The
//! exception is a write that Redis could not announce, which other processes may see
//! [later](#outbox). The guarantee requires that the caller:
//!
//! * announces every change of cached data with [`Cache::begin`], before the statement that
//!   commits;
//! * commits within 30 s after [`Cache::begin`], the time to live of a marker;
//! * acknowledges the write only after [`WriteGuard::end`];
//! * loads the data for a [`Lookup::Miss`] from the primary of the database, after the lookup;
//! * drains the outbox, as described below.
//!
//! The guarantee covers evicted keys, crashed writers, repeated and late commands, a restart of
//! Redis without data, an orderly failover, and the resharding of a cluster. In the following cases
//! a stale record may be served until its time to live ends:
//!
//! * Redis evicts a marker, and its writer crashes between the commit and the clearing. Use a
//!   `maxmemory-policy` such as `allkeys-lru`, which does not evict markers first.
//! * Redis loses commands that it has acknowledged, in an asynchronous failover or in a restart
//!   from an old snapshot.
//! * An ACL permits lookups but forbids `EVAL`.
//!
//! # Failures of Redis
//!
//! No failure of Redis fails a read or a write. After a bounded wait, a lookup is a
//! [`Lookup::Bypass`], and a write has an unmarked [`WriteGuard`]. A circuit breaker stops all
//! attempts for 2 s after three consecutive failures, or after one failure to connect. Only the
//! commands that drop or clear guards are still sent.
//!
//! # Outbox
//!
//! A write that Redis could not announce stores the names of its guards in the outbox. To drain the
//! outbox, read [`Cache::failures`], select the rows, pass their guards to [`Cache::invalidate`],
//! delete the rows if it returns `true`, and call [`Cache::mark_drained`].
//!
//! Drain it when [`Cache::needs_drain`] returns `true`: the process has noticed a failure, and its
//! lookups are bypasses until then. Also drain it on a schedule. A process that could reach Redis
//! throughout a failure may serve the old record until the next scheduled drain.
//!
//! # Requirements
//!
//! Redis 7 or later, because of `SET` with both `NX` and `GET`. Each command uses one key, and no
//! command scans the keys. The crate therefore supports a single node, Redis Cluster and
//! ElastiCache Serverless.

mod breaker;
mod client;
mod counter;
mod fill_lock;
mod guard;
mod key;
mod memory_stats;
mod passwords;
pub mod record;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use metrics::RequestMetrics;
use redis::{Cmd, Pipeline, Value};
use secret::SecretKey;

use self::client::Client;
pub use self::client::Unreachable;
pub use self::counter::Count;
pub use self::fill_lock::FillLock;
pub use self::guard::WriteGuard;
use self::guard::{Generation, GuardState};
pub use self::key::{Family, Key};
pub use self::memory_stats::{FamilyUsage, MemoryStats, ServerUsage};
use self::record::RecordCipher;
pub use self::url::Url;

/// The deadline of a lookup, after which the caller reads from the database. The time to connect is
/// not included.
const READ_BUDGET: Duration = Duration::from_millis(25);
/// The deadline of a fill, and of other commands that are sent in the background.
const FILL_BUDGET: Duration = Duration::from_millis(15);
/// The deadline for setting the marker of a write, after which the outbox replaces the marker. Also
/// the deadline for clearing the marker, and for counters.
const WRITE_BUDGET: Duration = Duration::from_millis(50);

/// The deadline of a health check.
const PING_BUDGET: Duration = Duration::from_millis(250);

/// A client of the cache that counts round trips in the metrics of one request.
///
/// A clone is cheap and shares the connection, the circuit breaker and the count of failures.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
    metrics: Arc<RequestMetrics>,
}

struct Shared {
    client: Client,
    cipher: RecordCipher,
    /// The number of exchanges with Redis that failed.
    failures: AtomicU64,
    /// The number of failures after which the outbox was drained; see [`Cache::needs_drain`].
    drained_through: AtomicU64,
}

/// The result of a lookup.
#[derive(Debug)]
pub enum Lookup {
    /// The record was filled under the live generation and may be served.
    Hit(Vec<u8>),
    /// No record may be served. The permit allows the caller to fill the record.
    Miss(FillPermit),
    /// No record may be served or filled: a write is in progress, Redis is unavailable, or the
    /// outbox must be drained first.
    Bypass,
}

/// A permit to fill one record, under the generation that was live before the data were loaded.
#[derive(Debug)]
pub struct FillPermit {
    key: Key,
    generation: Generation,
    /// Whether the lookup made the generation live.
    proposed: bool,
    /// The time of the lookup, from which the age of the record is counted. It includes the time
    /// for which the process is frozen before it sends the record.
    asked_at: Timestamp,
}

impl Cache {
    /// Creates a cache without a connection. The first command connects.
    ///
    /// The records are sealed with a key that is derived from `key`. All processes that share the
    /// cache need the same key.
    pub fn new(url: &Url, key: &SecretKey, metrics: Arc<RequestMetrics>) -> Self {
        let (failures, drained_through) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Shared { client: Client::new(url), cipher: RecordCipher::new(key), failures, drained_through };
        Self { shared: Arc::new(shared), metrics }
    }

    /// Returns the same cache with the metrics of another request.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self { shared: Arc::clone(&self.shared), metrics }
    }

    /// Connects to Redis, so that the first command does not have to.
    ///
    /// # Errors
    /// [`Unreachable`] if there is no connection within 150 ms. The next command tries again.
    pub async fn connect(&self) -> Result<(), Unreachable> {
        self.shared.client.connect().await
    }

    /// Checks that Redis replies to `PING` within 250 ms. This deadline is longer than that of a
    /// read, because one late reply is not an outage.
    ///
    /// # Errors
    /// [`Unreachable`] if Redis did not reply in time, or replied with an error.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        let replies = self.exchange(|| pipeline([redis::cmd("PING")]), PING_BUDGET).await?;
        match replies.as_slice() {
            [] | [Value::ServerError(_), ..] => Err(Unreachable::Failed),
            _ => Ok(()),
        }
    }

    /// Looks up the keys in one round trip, which fetches the guard and the record of each.
    ///
    /// The deadline is 25 ms, plus at most 150 ms if the command has to connect.
    pub async fn read<const N: usize>(&self, keys: [&Key; N]) -> [Lookup; N] {
        let mut proposed = Generation::random();
        let commands = || {
            // Each proposal is sent only once. A copy that arrives after a write would make a
            // generation live again that the write has dropped.
            proposed = Generation::random();
            pipeline(keys.iter().flat_map(|key| [guard::observe(key, proposed), get(key.record())]))
        };
        let asked_at = Timestamp::now();
        // Checked before the commands are sent. Another request of this process may drain the
        // outbox in the meantime, and the reply may be older than that.
        let was_behind = self.is_behind();
        let mut replies = self.exchange(commands, READ_BUDGET).await.unwrap_or_default().into_iter();
        if was_behind {
            return keys.map(|_| Lookup::Bypass);
        }
        keys.map(|key| {
            let (observed, record) = (replies.next(), replies.next());
            match guard::state(observed, proposed) {
                GuardState::Live(generation) => match self.open(key, generation, record) {
                    Some(body) => Lookup::Hit(body),
                    None => {
                        let proposed = generation == proposed;
                        Lookup::Miss(FillPermit { key: key.clone(), generation, proposed, asked_at })
                    }
                },
                GuardState::Pending | GuardState::Unknown => Lookup::Bypass,
            }
        })
    }

    /// Fills a record under the generation of the permit, in the background.
    ///
    /// A late fill is harmless, even after a freeze of the process: if a write has dropped the
    /// generation, the record is not served.
    ///
    /// # Panics
    /// Panics if called outside a Tokio runtime.
    pub fn fill(&self, permit: FillPermit, body: Vec<u8>) {
        self.send_detached(move |cipher| permit.record(cipher, &body));
    }

    /// Drops the generation of the permit if the lookup made it live, in the background.
    ///
    /// Call it if the owner turns out not to exist. Otherwise requests with invented owners would
    /// leave guards in Redis for 25 hours.
    ///
    /// # Panics
    /// Panics if called outside a Tokio runtime.
    pub fn abandon(&self, permit: FillPermit) {
        if permit.proposed {
            self.send_detached(move |_| Some(guard::abandon(&permit.key, permit.generation)));
        }
    }

    /// Deletes a record that the caller could not parse, in the background.
    ///
    /// # Panics
    /// Panics if called outside a Tokio runtime.
    pub fn discard(&self, key: &Key) {
        let mut command = redis::cmd("UNLINK");
        command.arg(key.record());
        self.send_detached(move |_| Some(command));
    }

    /// Builds a command and sends it in the background, after the tasks that are ready now.
    fn send_detached(&self, command: impl FnOnce(&RecordCipher) -> Option<Cmd> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        #[expect(clippy::disallowed_methods, reason = "the only task that may outlive a reply; its deadline is 15 ms")]
        tokio::spawn(async move {
            // Other tasks go first, such as the connection that sends the response.
            tokio::task::yield_now().await;
            if let Some(command) = command(&shared.cipher) {
                shared.client.send_detached(&pipeline([command]), FILL_BUDGET).await;
            }
        });
    }

    /// Returns whether the caller must drain the outbox.
    ///
    /// After a failure, other processes may have committed writes that Redis could not announce.
    /// Records of live generations are then not reliable, and every lookup is a [`Lookup::Bypass`]
    /// until the caller drains the outbox and calls [`mark_drained`](Self::mark_drained).
    ///
    /// Returns `false` while the circuit breaker is open, because every lookup is a bypass anyway.
    pub fn needs_drain(&self) -> bool {
        self.is_behind() && !self.shared.client.is_open()
    }

    /// Records that the outbox was drained after this number of failures.
    ///
    /// Read the number with [`failures`](Self::failures) before the drain begins. A failure during
    /// the drain then requires another drain.
    pub fn mark_drained(&self, failures: u64) {
        self.shared.drained_through.fetch_max(failures, Ordering::AcqRel);
    }

    /// Returns the number of failed exchanges with Redis since this cache was created.
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Acquire)
    }

    fn is_behind(&self) -> bool {
        self.failures() > self.shared.drained_through.load(Ordering::Acquire)
    }

    fn note_failure(&self) {
        self.shared.failures.fetch_add(1, Ordering::AcqRel);
    }

    /// Sends commands with a deadline, and counts the round trip.
    async fn exchange(
        &self,
        commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Unreachable> {
        let started = Instant::now();
        let result = self.shared.client.exchange(commands, budget).await;
        self.conclude(started, result)
    }

    /// Like [`exchange`](Self::exchange), but sends the commands even if the breaker is open.
    async fn send_regardless(
        &self,
        commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Unreachable> {
        let started = Instant::now();
        let result = self.shared.client.send_regardless(commands, budget).await;
        self.conclude(started, result)
    }

    fn conclude(&self, started: Instant, result: Result<Vec<Value>, Unreachable>) -> Result<Vec<Value>, Unreachable> {
        let nothing_was_sent = matches!(result, Err(Unreachable::CircuitOpen { opened: false }));
        if !nothing_was_sent {
            self.metrics.cache_round_trip(started.elapsed());
        }
        if result.is_err() {
            self.metrics.cache_error();
        }
        // If this process cannot reach Redis, other processes may not either, and their writes are
        // then in the outbox. One failure is enough to require a drain.
        if result.is_err() && !nothing_was_sent {
            self.note_failure();
        }
        result
    }

    fn open(&self, key: &Key, generation: Generation, record: Option<Value>) -> Option<Vec<u8>> {
        match record {
            Some(Value::BulkString(sealed)) => self.shared.cipher.open(key, generation.bytes(), sealed),
            _ => None,
        }
    }
}

impl FillPermit {
    /// Returns whether both permits have the same generation. If so, no write began between the
    /// two lookups.
    pub fn has_generation_of(&self, other: &Self) -> bool {
        self.generation == other.generation
    }

    /// Returns the command that fills the record, or `None` if the body cannot be sealed.
    fn record(&self, cipher: &RecordCipher, body: &[u8]) -> Option<Cmd> {
        let sealed = cipher.seal(&self.key, self.generation.bytes(), self.asked_at, body)?;
        Some(set(self.key.record(), &sealed, self.key.ttl()))
    }
}

fn pipeline(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

fn get(name: &str) -> Cmd {
    let mut command = redis::cmd("GET");
    command.arg(name);
    command
}

fn set(name: &str, value: &[u8], ttl: Duration) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(name).arg(value).arg("EX").arg(ttl.as_secs());
    command
}
