//! Cache-aside over Redis that never hides an acknowledged write: **guarded generations**.
//!
//! Every owner and family has a guard key. It holds a live random generation, or the marker of a write under way, or nothing.
//! A record is served only if the generation under which it was filled is the guard's live one, so that dropping the guard
//! drops, in one command and without knowing their names, all records behind it.
//!
//! ```text
//! read   SET guard g<new> NX GET EX 90000   ┐ one round trip
//!        GET record                         ┘
//! fill   SET record <sealed> EX ttl           a late fill carries a dead generation: never served
//! write  begin: guard := !<nonce>             before the statement that commits
//!        … commit …
//!        end:   guard := (nothing)            before the client is answered
//! ```
//!
//! Nothing in here fails a request: every trouble with Redis is a [`Lookup::Bypass`] or an unmarked [`WriteGuard`], after a
//! bounded wait. The records are sealed, see [`record`]; the commands touch one key each, so one node, Redis Cluster and
//! ElastiCache Serverless are all the same.

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

/// How long a read may take before the database answers instead.
const READ_BUDGET: Duration = Duration::from_millis(25);
/// How long a fill may go on; nobody waits for it.
const FILL_BUDGET: Duration = Duration::from_millis(15);
/// How long the marker of a write may take before the outbox stands in for it, and how long clearing it may take.
const WRITE_BUDGET: Duration = Duration::from_millis(50);

/// How long Redis may take to say that it is there.
const PING_BUDGET: Duration = Duration::from_millis(250);

/// The cache as one request sees it: cheap to clone, counts into the request's metrics.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
    metrics: Arc<RequestMetrics>,
}

struct Shared {
    client: Client,
    cipher: RecordCipher,
    /// How often Redis could not be told or asked something, and how many of these times have been made good; see
    /// [`Cache::needs_drain`].
    failures: AtomicU64,
    drained_through: AtomicU64,
}

/// What the cache knows under a key.
#[derive(Debug)]
pub enum Lookup {
    /// The record, filled under the live generation.
    Hit(Vec<u8>),
    /// Nothing that may be served. The answer may be filled in under this generation.
    Miss(FillPermit),
    /// Nothing that may be served or filled: a write is under way, or Redis is away.
    Bypass,
}

/// Permission to fill one key under the generation that was live before the database was asked.
#[derive(Debug)]
pub struct FillPermit {
    key: Key,
    generation: Generation,
    /// Whether the generation came to life by this look-up.
    proposed: bool,
    /// From when on the record counts its age, however long the environment is frozen before it is sent.
    asked_at: Timestamp,
}

impl Cache {
    /// Opens nothing yet; the first command connects.
    pub fn new(url: &Url, key: &SecretKey, metrics: Arc<RequestMetrics>) -> Self {
        let (failures, drained_through) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Shared { client: Client::new(url), cipher: RecordCipher::new(key), failures, drained_through };
        Self { shared: Arc::new(shared), metrics }
    }

    /// The same cache, counting into another request's metrics.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self { shared: Arc::clone(&self.shared), metrics }
    }

    /// Connects ahead of the first request.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis cannot be reached; the next command tries again.
    pub async fn connect(&self) -> Result<(), Unreachable> {
        self.shared.client.connect().await
    }

    /// Checks that Redis responds. The deadline is longer than that of a read: one late reply is
    /// not an outage.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis did not respond, or responded with an error.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        let replies = self.exchange(|| pipeline([redis::cmd("PING")]), PING_BUDGET).await?;
        match replies.as_slice() {
            [] | [Value::ServerError(_), ..] => Err(Unreachable::Failed),
            _ => Ok(()),
        }
    }

    /// Looks up all keys in one round trip: a guard and a record for each.
    pub async fn read<const N: usize>(&self, keys: [&Key; N]) -> [Lookup; N] {
        let mut proposed = Generation::random();
        let commands = || {
            // Each proposal is sent once: a copy that arrives after a write would bring to life again what the write has dropped.
            proposed = Generation::random();
            pipeline(keys.iter().flat_map(|key| [guard::observe(key, proposed), get(key.record())]))
        };
        let asked_at = Timestamp::now();
        // Before anything is sent: what Redis says now may be what another request of this environment is about to have dropped.
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

    /// Fills a record in under the permit's generation, without making anybody wait for it.
    ///
    /// A fill that comes late, even after a freeze, is harmless: if the guard has moved on, its generation is dead.
    pub fn fill(&self, permit: FillPermit, body: Vec<u8>) {
        self.send_detached(move |cipher| permit.record(cipher, &body));
    }

    /// Drops the permit's generation if it came to life by this look-up: or whoever makes tokens up would leave guards behind that live for a
    /// day. Nobody waits for it.
    pub fn abandon(&self, permit: FillPermit) {
        if permit.proposed {
            self.send_detached(move |_| Some(guard::abandon(&permit.key, permit.generation)));
        }
    }

    /// Drops a record that was opened but makes no sense to whoever asked for it. Nobody waits for it.
    pub fn discard(&self, key: &Key) {
        let mut command = redis::cmd("UNLINK");
        command.arg(key.record());
        self.send_detached(move |_| Some(command));
    }

    /// Makes a command and sends it once the reply is on its way.
    fn send_detached(&self, command: impl FnOnce(&RecordCipher) -> Option<Cmd> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        #[expect(clippy::disallowed_methods, reason = "the one task that may outlive a reply, bounded by its budget")]
        tokio::spawn(async move {
            // Whatever else is ready goes first: the connection that carries the reply.
            tokio::task::yield_now().await;
            if let Some(command) = command(&shared.cipher) {
                shared.client.send_detached(&pipeline([command]), FILL_BUDGET).await;
            }
        });
    }

    /// Whether writes may have gone unannounced, so that records of live generations must not be trusted. The caller then finishes what the
    /// outbox holds and says [`mark_drained`](Self::mark_drained). Until then every read is a [`Lookup::Bypass`].
    ///
    /// False while the breaker keeps the cache out of the way anyway.
    pub fn needs_drain(&self) -> bool {
        self.is_behind() && !self.shared.client.is_open()
    }

    /// The outbox was finished after this many failures. Those that have come since are still to be made good.
    pub fn mark_drained(&self, failures: u64) {
        self.shared.drained_through.fetch_max(failures, Ordering::AcqRel);
    }

    /// How many failures there have been.
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Acquire)
    }

    fn is_behind(&self) -> bool {
        self.failures() > self.shared.drained_through.load(Ordering::Acquire)
    }

    fn note_failure(&self) {
        self.shared.failures.fetch_add(1, Ordering::AcqRel);
    }

    /// Sends commands within a budget and counts the time.
    async fn exchange(
        &self,
        commands: impl FnMut() -> Pipeline + Send,
        budget: Duration,
    ) -> Result<Vec<Value>, Unreachable> {
        let started = Instant::now();
        let result = self.shared.client.exchange(commands, budget).await;
        self.conclude(started, result)
    }

    /// Sends commands within a budget even if the breaker is open.
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
        // Whoever cannot reach Redis now may miss what others have to say, one failure being enough.
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
    /// Whether both were looked up under the same generation: nothing has been written in between.
    pub fn has_generation_of(&self, other: &Self) -> bool {
        self.generation == other.generation
    }

    /// The command that fills the record in.
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
