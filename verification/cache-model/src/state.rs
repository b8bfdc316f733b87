//! Everything that the next step depends on.

use crate::fault::Faults;

/// How many read.
pub const READERS: usize = 3;
/// How many write.
pub const WRITERS: usize = 2;

/// The number of commits that a value has behind it. The database begins with version 1.
pub type Version = u8;

/// The random name of the time between two writes, as a number: each proposal has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(pub u8);

/// The random name of one announcement, as a number: each attempt at a write has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub u8);

/// What the guard key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// Nothing.
    Absent,
    /// `g…`
    Live(Generation),
    /// `!…`, or `!S…` if it is shared.
    Marker {
        /// Who set it last.
        nonce: Nonce,
        /// Whether another marker was there.
        shared: bool,
    },
}

/// What the record key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    /// Under which generation it was filled in.
    pub generation: Generation,
    /// What it says.
    pub version: Version,
}

/// The state of Redis, of the database, and of everybody who uses them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The guard key.
    pub guard: Guard,
    /// The record key.
    pub record: Option<Record>,
    /// The highest generation that was counted. Only a protocol that counts has use for it.
    pub counted: u8,
    /// The row in the database.
    pub database: Version,
    /// Whose rows are in `cache_outbox`, a bit for each writer.
    pub outbox: u8,
    /// Who read.
    pub readers: [Reader; READERS],
    /// Who write.
    pub writers: [Writer; WRITERS],
    /// The environment that reader 0 and writer 0 share.
    pub environment: Environment,
    /// Who finish the outbox: `cache-monitor`, and the environment.
    pub drains: [Drain; 2],
    /// What every read that begins now must not be older than.
    pub promised: Version,
    /// The faults that may still strike.
    pub faults: Faults,
    /// The promise that was broken.
    pub stale: Option<Stale>,
}

/// An answer that is older than what was promised when its read began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stale {
    /// Who got it.
    pub reader: usize,
    /// What it should have been, at least.
    pub promised: Version,
    /// What it was.
    pub answered: Version,
}

/// Somebody who reads once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reader {
    /// What comes next.
    pub at: ReaderAt,
    /// A copy of the proposal that is still on its way.
    pub late: Option<Generation>,
}

/// How far a reader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderAt {
    /// Nothing was sent.
    Start,
    /// The environment knows whether it is behind.
    Begun(Began),
    /// The record has answered before the guard, which happens on a cluster.
    Got {
        /// What held when it was sent.
        began: Began,
        /// What the record key held.
        record: Option<Record>,
    },
    /// The guard has answered with a live generation.
    Observed {
        /// What held when it was sent.
        began: Began,
        /// Which one.
        generation: Generation,
    },
    /// The cache has nothing to serve.
    Missed {
        /// Under which generation the answer may be filled in.
        fills: Option<Generation>,
    },
    /// The database has answered, and so has the reader. The record is still to be filled in.
    Selected(Record),
    /// Nothing is left to do.
    Done,
}

/// What holds when a read begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Began {
    /// What the answer must not be older than.
    pub promised: Version,
    /// Whether its environment is not behind.
    pub trusts: bool,
}

/// Somebody who writes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Writer {
    /// What comes next.
    pub at: WriterAt,
    /// What this attempt is announced with.
    pub nonce: Nonce,
    /// Whether the writer knows that its marker is set.
    pub marked: bool,
    /// Which version the statement has made, if it has been committed.
    pub version: Option<Version>,
    /// A copy of the announcement that is still on its way.
    pub late_begin: Option<Nonce>,
    /// A copy of the clearing that is still on its way.
    pub late_end: Option<Nonce>,
    /// The statement is on its way, and nobody waits for it.
    pub late_commit: bool,
}

/// How far a writer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterAt {
    /// Nothing was sent.
    Start,
    /// The write is announced, or could not be.
    Begun,
    /// The marker is cleared, before the statement was sent. Only a mutant comes here.
    ClearedEarly,
    /// The statement has committed itself.
    Committed,
    /// The statement was refused.
    Refused,
    /// The environment died on the way.
    Dead,
    /// The client has its answer.
    Done,
}

/// What an environment remembers of its troubles with Redis; see `Cache::must_catch_up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Environment {
    /// How many there were.
    pub failures: u8,
    /// How many of them have been made good.
    pub settled: u8,
    /// The highest version that it has acknowledged.
    pub acknowledged: Version,
}

/// How far somebody has come who finishes the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drain {
    /// Not begun.
    Idle,
    /// These rows were there.
    Pending {
        /// A bit for each writer.
        rows: u8,
        /// How many failures the environment knew of.
        failures: u8,
    },
    /// Their guards are dropped.
    Invalidated {
        /// A bit for each writer.
        rows: u8,
        /// How many failures the environment knew of.
        failures: u8,
    },
}

impl State {
    /// A system that nobody has used yet.
    pub fn new(faults: Faults) -> Self {
        let writer = |number| Writer {
            at: WriterAt::Start,
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
            counted: 0,
            database: 1,
            outbox: 0,
            readers: [Reader { at: ReaderAt::Start, late: None }; READERS],
            writers: [writer(0), writer(1)],
            environment: Environment::default(),
            drains: [Drain::Idle; 2],
            promised: 1,
            faults,
            stale: None,
        }
    }
}

impl Environment {
    /// Whether writes may have gone unannounced.
    pub fn is_behind(self) -> bool {
        self.failures > self.settled
    }
}
