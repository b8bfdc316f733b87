//! The state of the system: everything that the next step depends on.

use crate::fault::Faults;

/// The number of readers.
pub const READERS: usize = 3;
/// The number of writers.
pub const WRITERS: usize = 2;

/// The state of Redis, of the database, and of every process that uses them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The value of the guard key.
    pub guard: Guard,
    /// The value of the record key.
    pub record: Option<Record>,
    /// The highest generation so far. Only a protocol that counts generations uses it.
    pub counter: u8,
    /// The version in the database.
    pub database: Version,
    /// The rows in `cache_outbox`, one bit for each writer.
    pub outbox: u8,
    /// The readers, by their numbers.
    pub readers: [Reader; READERS],
    /// The writers, by their numbers.
    pub writers: [Writer; WRITERS],
    /// The environment that reader 0 and writer 0 share.
    pub environment: Environment,
    /// The progress of the drainers: `cache-monitor`, and the environment.
    pub drains: [DrainPhase; 2],
    /// The oldest version that a read may return if it begins now.
    pub promised: Version,
    /// The faults that may still occur.
    pub faults: Faults,
    /// The read that broke the promise, if there was one.
    pub stale: Option<StaleRead>,
}

impl State {
    /// Returns the state of a system that has served no request yet.
    pub fn new(faults: Faults) -> Self {
        let writer = |number| Writer {
            phase: WriterPhase::Start,
            nonce: Nonce(number),
            marked: false,
            version: None,
            late_begin: None,
            late_end: None,
            late_commit: false,
        };
        Self {
            guard: Guard::Absent,
            record: None,
            counter: 0,
            database: 1,
            outbox: 0,
            readers: [Reader { phase: ReaderPhase::Start, late_observe: None }; READERS],
            writers: [writer(0), writer(1)],
            environment: Environment::default(),
            drains: [DrainPhase::Idle; 2],
            promised: 1,
            faults,
            stale: None,
        }
    }

    /// Promises the settled writes to every environment. A write is settled if it was acknowledged,
    /// or committed by a writer that crashed, and has no row in the outbox.
    pub(crate) fn promise_settled_writes(&mut self) {
        for (number, writer) in self.writers.iter().enumerate() {
            let has_ended = matches!(writer.phase, WriterPhase::Done | WriterPhase::Crashed);
            if let Some(version) = writer.version.filter(|_| has_ended && self.outbox & (1 << number) == 0) {
                self.promised = self.promised.max(version);
            }
        }
    }

    /// Promises the version that a writer has committed to every environment.
    pub(crate) fn promise(&mut self, writer: usize) {
        self.promised = self.promised.max(self.writers[writer].version.unwrap_or_default());
    }
}

/// The number of commits that led to a value. The database begins with version 1.
pub type Version = u8;

/// The random name of the period between two writes, as a number. Each proposal has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(pub u8);

/// The random name of one announcement, as a number. Each attempt at a write has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub u8);

/// The value of the guard key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// The key does not exist.
    Absent,
    /// A live generation: `g…`.
    Live(Generation),
    /// A marker: `!…`, or `!S…` if it is shared.
    Marker {
        /// The announcement that set it last.
        nonce: Nonce,
        /// Whether it replaced the marker of another write.
        shared: bool,
    },
}

/// The value of the record key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    /// The generation under which it was filled.
    pub generation: Generation,
    /// The version that it contains.
    pub version: Version,
}

/// A response that is older than the version that was promised when its read began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StaleRead {
    /// The reader that got the response.
    pub reader: usize,
    /// The oldest version that the reader was allowed to get.
    pub promised: Version,
    /// The version that the reader got.
    pub answered: Version,
}

/// A process that reads once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reader {
    /// The progress of the read.
    pub phase: ReaderPhase,
    /// A copy of the proposal that is still in transit.
    pub late_observe: Option<Generation>,
}

/// The progress of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderPhase {
    /// The reader has sent nothing.
    Start,
    /// The environment has checked whether it is behind.
    Begun(ReadContext),
    /// The reply for the record arrived before that for the guard. This happens on a cluster.
    Got {
        /// The conditions under which the read began.
        context: ReadContext,
        /// The value of the record key.
        record: Option<Record>,
    },
    /// The guard has a live generation.
    Observed {
        /// The conditions under which the read began.
        context: ReadContext,
        /// The live generation in the guard.
        generation: Generation,
    },
    /// The cache has nothing to serve.
    Missed {
        /// The generation under which the response may be filled.
        fills: Option<Generation>,
    },
    /// The database has replied and the reader has its response. The record has yet to be filled.
    Selected(Record),
    /// The read has ended.
    Done,
}

/// The conditions under which a read begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReadContext {
    /// The oldest version that the read may return.
    pub promised: Version,
    /// Whether the environment trusts the cache, because it is not behind.
    pub trusts_cache: bool,
}

/// A process that writes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Writer {
    /// The progress of the write.
    pub phase: WriterPhase,
    /// The name of this attempt's announcement.
    pub nonce: Nonce,
    /// Whether the writer has confirmation that its marker is set.
    pub marked: bool,
    /// The version that the statement created, after its commit.
    pub version: Option<Version>,
    /// A copy of the announcement that is still in transit.
    pub late_begin: Option<Nonce>,
    /// A copy of the clearing that is still in transit.
    pub late_end: Option<Nonce>,
    /// Whether the statement is in transit and no writer waits for it.
    pub late_commit: bool,
}

/// The progress of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterPhase {
    /// The writer has sent nothing.
    Start,
    /// The write is announced, or the announcement failed.
    Begun,
    /// The marker was cleared before the statement was sent. Only a mutant reaches this phase.
    ClearedEarly,
    /// The statement is committed.
    Committed,
    /// The statement has failed and changed nothing.
    RolledBack,
    /// The environment crashed before the end.
    Crashed,
    /// The client has its response.
    Done,
}

/// The failures of an environment to reach Redis, as `Cache::is_behind` counts them, and the writes
/// that it has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Environment {
    /// The number of failures.
    pub failures: u8,
    /// The number of failures that draining the outbox has settled.
    pub drained_through: u8,
    /// The highest version that the environment has acknowledged.
    pub acknowledged: Version,
}

impl Environment {
    /// Returns whether writes of this environment may be unannounced.
    pub fn is_behind(self) -> bool {
        self.failures > self.drained_through
    }
}

/// The progress of a process that drains the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrainPhase {
    /// The drainer has not begun.
    Idle,
    /// The drainer has selected the rows of the outbox.
    Pending {
        /// The rows, one bit for each writer.
        rows: u8,
        /// The number of failures of the environment at that time.
        failures: u8,
    },
    /// The drainer has dropped the guards of these rows.
    Invalidated {
        /// The rows, one bit for each writer.
        rows: u8,
        /// The number of failures of the environment when the rows were selected.
        failures: u8,
    },
}
