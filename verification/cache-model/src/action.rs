//! What can happen next: one command that takes effect, one statement, or one fault.
//!
//! The names are those of the functions of `shared::cache` and `shared::store` that do the step, in the order in which a request meets them.

use std::fmt;

/// Something happens, at once and by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A reader, by its number.
    Reader(usize, ReaderStep),
    /// A writer, by its number.
    Writer(usize, WriterStep),
    /// Whoever finishes the outbox.
    Drain(Drainer, DrainStep),
    /// A marker's time is over.
    Lapse,
    /// Redis drops the guard to make room.
    EvictGuard,
    /// Redis drops the record to make room.
    EvictRecord,
}

/// `store::authenticated::read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderStep {
    /// `Cache::is_behind`, where the environment may be. The read begins with it.
    IsBehind,
    /// `guard::observe`, which proposes a generation. The read begins with it if nothing was asked before.
    Observe,
    /// The same, sent again because the connection seemed dead. The first copy is still on its way.
    ObserveAgain,
    /// The first copy arrives, when nobody waits for it any more.
    LateObserve,
    /// `cache::get` of the record, which ends the read if it is a hit.
    Get,
    /// `db::read`, which ends the read but for what it fills in.
    Select,
    /// `Cache::fill`.
    Fill,
}

/// `store::authenticated::write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterStep {
    /// `Cache::begin`.
    Begin,
    /// The same, sent again because the connection seemed dead. The first copy is still on its way.
    BeginAgain,
    /// The first copy, or one that nobody had an answer to, arrives.
    LateBegin,
    /// `Cache::begin` has no answer, and the guard is unmarked as far as the writer knows.
    BeginFails,
    /// `db::write` of the statement, which commits itself and fills the outbox if the guard is unmarked.
    Commit,
    /// The statement is refused: nothing has changed.
    Refuse,
    /// `WriteGuard::end`. The client is answered.
    End,
    /// The same, sent again because the connection seemed dead. The first copy is still on its way. The client is answered.
    EndAgain,
    /// The first copy, or one that nobody had an answer to, arrives.
    LateEnd,
    /// `WriteGuard::end` has no answer. The client is answered.
    EndFails,
    /// The environment is no more, or does not learn how its statement ended, which may still be on its way.
    Crash,
    /// The statement of a writer that is no more arrives.
    LateCommit,
    /// The client, who got no answer, sends the same write again, to another environment.
    Retry,
}

/// Who finishes the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drainer {
    /// `cache-monitor`.
    Monitor,
    /// The environment that reader 0 and writer 0 share, before it trusts the cache again.
    Environment,
}

/// `store::outbox::drain_outbox`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrainStep {
    /// The rows that there are.
    Pending,
    /// `Cache::invalidate` of their guards.
    Invalidate,
    /// The rows are deleted.
    Done,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reader(number, step) => write!(f, "reader {number}: {step:?}"),
            Self::Writer(number, step) => write!(f, "writer {number}: {step:?}"),
            Self::Drain(who, step) => write!(f, "{who:?}: {step:?}"),
            fault => write!(f, "{fault:?}"),
        }
    }
}
