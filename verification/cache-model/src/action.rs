//! The actions of the system: a command or a statement is executed, or a fault occurs.
//!
//! Each step has the name of the function in the crate `cache` or `domain` that performs it. The
//! steps are in the order in which a request calls these functions.

use std::fmt;

/// One atomic step of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A step of the reader with this number.
    Reader(usize, ReaderStep),
    /// A step of the writer with this number.
    Writer(usize, WriterStep),
    /// A step of a process that drains the outbox.
    Drain(Drainer, DrainStep),
    /// The marker expires in Redis.
    ExpireMarker,
    /// Redis evicts the guard to free memory.
    EvictGuard,
    /// Redis evicts the record to free memory.
    EvictRecord,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reader(number, step) => write!(f, "reader {number}: {step:?}"),
            Self::Writer(number, step) => write!(f, "writer {number}: {step:?}"),
            Self::Drain(drainer, step) => write!(f, "{drainer:?}: {step:?}"),
            fault => write!(f, "{fault:?}"),
        }
    }
}

/// The steps of `authenticated::cached_read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderStep {
    /// Calls `Cache::is_behind`. In an environment that may be behind, this begins the read.
    IsBehind,
    /// Sends `guard::observe`, which proposes a generation. This begins the read unless
    /// [`Self::IsBehind`] has.
    Observe,
    /// Sends [`Self::Observe`] again because the connection seemed dead. The first copy is still in
    /// transit.
    ObserveAgain,
    /// The first copy arrives when the reader no longer waits for it.
    LateObserve,
    /// Sends `cache::get` for the record. A hit ends the read.
    Get,
    /// Sends the query with `Db::read`. The read gets its response, and only the fill remains.
    Select,
    /// Fills the record with `Cache::fill`.
    Fill,
}

/// The steps of `authenticated::begin` and `authenticated::execute_guarded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterStep {
    /// Announces the write with `Cache::begin`.
    Begin,
    /// Sends [`Self::Begin`] again because the connection seemed dead. The first copy is still in
    /// transit.
    BeginAgain,
    /// The first copy arrives, or an announcement that got no reply.
    LateBegin,
    /// `Cache::begin` gets no reply. The writer treats the guard as unmarked.
    BeginFails,
    /// Sends the statement with `Db::write`. It commits and, if the guard is unmarked, adds a row
    /// to the outbox.
    Commit,
    /// The statement fails and changes nothing.
    Rollback,
    /// Clears the marker with `WriteGuard::end`. The client gets its response.
    End,
    /// Sends [`Self::End`] again because the connection seemed dead. The first copy is still in
    /// transit. The client gets its response.
    EndAgain,
    /// The first copy arrives, or a clearing that got no reply.
    LateEnd,
    /// `WriteGuard::end` gets no reply. The client gets its response.
    EndFails,
    /// The environment crashes, or does not learn the outcome of its statement, which may still be
    /// in transit.
    Crash,
    /// The statement of a crashed writer arrives.
    LateCommit,
    /// The client got no response and sends the same write again, to another environment.
    Retry,
}

/// A process that drains the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drainer {
    /// The scheduled function `cache-monitor`.
    Monitor,
    /// The environment that reader 0 and writer 0 share, before it trusts the cache again.
    Environment,
}

impl Drainer {
    pub(crate) const ALL: [Self; 2] = [Self::Monitor, Self::Environment];
}

/// The steps of `Outbox::drain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrainStep {
    /// Selects the rows of the outbox.
    Pending,
    /// Drops the guards in these rows with `Cache::invalidate`.
    Invalidate,
    /// Deletes these rows from the outbox.
    Done,
}
