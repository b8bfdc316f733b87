//! What can happen next: one command or one statement takes effect, or one fault occurs.
//!
//! The steps have the names of the functions of `shared::cache` and `shared::domain` that perform
//! them, in the order in which a request calls these functions.

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
    /// The marker expires.
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

/// The steps of `store::authenticated::read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderStep {
    /// `Cache::is_behind`, which begins the read in an environment that may be behind.
    IsBehind,
    /// `guard::observe`, which proposes a generation. It begins the read unless [`Self::IsBehind`]
    /// has.
    Observe,
    /// [`Self::Observe`], sent again because the connection seemed dead. The first copy is still in
    /// transit.
    ObserveAgain,
    /// The first copy arrives when no reader waits for it any more.
    LateObserve,
    /// `cache::get` of the record, which ends the read on a hit.
    Get,
    /// `db::read`, which answers the read. Only filling the record remains.
    Select,
    /// `Cache::fill`.
    Fill,
}

/// The steps of `store::authenticated::write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterStep {
    /// `Cache::begin`.
    Begin,
    /// [`Self::Begin`], sent again because the connection seemed dead. The first copy is still in
    /// transit.
    BeginAgain,
    /// The first copy arrives, or one that got no reply.
    LateBegin,
    /// `Cache::begin` gets no reply. As far as the writer knows, the guard is unmarked.
    BeginFails,
    /// `db::write` of the statement, which commits and, if the guard is unmarked, adds a row to the
    /// outbox.
    Commit,
    /// The statement fails and changes nothing.
    Rollback,
    /// `WriteGuard::end`. The client gets its response.
    End,
    /// [`Self::End`], sent again because the connection seemed dead. The first copy is still in
    /// transit. The client gets its response.
    EndAgain,
    /// The first copy arrives, or one that got no reply.
    LateEnd,
    /// `WriteGuard::end` gets no reply. The client gets its response.
    EndFails,
    /// The environment crashes, or does not learn the outcome of its statement, which may still be
    /// in transit.
    Crash,
    /// The statement of a crashed writer arrives.
    LateCommit,
    /// The client, which got no response, sends the same write again, to another environment.
    Retry,
}

/// A process that drains the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drainer {
    /// `cache-monitor`.
    Monitor,
    /// The environment that reader 0 and writer 0 share, before it trusts the cache again.
    Environment,
}

impl Drainer {
    pub(crate) const ALL: [Self; 2] = [Self::Monitor, Self::Environment];
}

/// The steps of `store::outbox::drain_outbox`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrainStep {
    /// Selects the rows of the outbox.
    Pending,
    /// `Cache::invalidate` of the guards in these rows.
    Invalidate,
    /// Deletes the rows.
    Done,
}
