//! The participants of a replay, by their roles.

use std::fmt;

use cache_model::action::{Action, Drainer};

use crate::gate::Operation;

/// A participant, which performs one step at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Actor {
    Reader(usize),
    Writer(usize),
    Drainer(Drainer),
}

impl Actor {
    /// Returns the actor of an action, or `None` for a fault.
    pub(crate) fn of(action: Action) -> Option<Self> {
        match action {
            Action::Reader(number, _) => Some(Self::Reader(number)),
            Action::Writer(number, _) => Some(Self::Writer(number)),
            Action::Drain(drainer, _) => Some(Self::Drainer(drainer)),
            Action::ExpireMarker | Action::EvictGuard | Action::EvictRecord => None,
        }
    }

    /// Returns the operations that the actor sends and waits for. It does not wait for a fill.
    pub(crate) fn awaits(self) -> &'static [Operation] {
        match self {
            Self::Reader(_) => &[Operation::Observe, Operation::Get, Operation::Select],
            Self::Writer(_) => &[Operation::Begin, Operation::Commit, Operation::End],
            Self::Drainer(_) => &[Operation::Pending, Operation::Invalidate, Operation::Done],
        }
    }

    /// Returns whether the actor belongs to the environment that several actors share in the model.
    pub(crate) fn may_share_environment(self) -> bool {
        matches!(self, Self::Reader(0) | Self::Writer(0) | Self::Drainer(Drainer::Environment))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reader(number) => write!(f, "reader {number}"),
            Self::Writer(number) => write!(f, "writer {number}"),
            Self::Drainer(drainer) => write!(f, "{drainer:?}"),
        }
    }
}
