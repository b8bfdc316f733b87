//! What waits at the gates, and who has come to an end: all that the schedule sees.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache_model::action::Drainer;

use crate::postgres::Statement;
use crate::redis_gate::Command;

/// Nothing takes as long, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody who does one thing after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Reader(usize),
    Writer(usize),
    Drainer(Drainer),
}

/// What a command or a statement is for. Each is one await of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Observe,
    Get,
    Fill,
    Begin,
    End,
    Invalidate,
    Commit,
    Select,
    Pending,
    Done,
}

/// Something that an environment has sent and that has not arrived.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) environment: usize,
    pub(crate) kind: Kind,
    pub(crate) sent: Sent,
}

#[derive(Debug)]
pub(crate) enum Sent {
    Command(Command),
    Statement(Statement),
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// The version that was read, and whether it is filled in now.
    Read {
        version: u32,
        fills: bool,
    },
    Written,
    Drained,
    Failed(String),
    Crashed,
}

#[derive(Default)]
pub(crate) struct Board {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct Seen {
    held: Vec<Held>,
    endings: HashMap<Who, Ending>,
}

impl Seen {
    pub(crate) fn holds(&self, environment: usize, kinds: &[Kind]) -> bool {
        self.held.iter().any(|held| held.environment == environment && kinds.contains(&held.kind))
    }

    pub(crate) fn ending(&self, who: Who) -> Option<&Ending> {
        self.endings.get(&who)
    }
}

impl Board {
    pub(crate) fn hold(&self, held: Held) {
        self.lock().held.push(held);
        self.changed.notify_all();
    }

    pub(crate) fn ended(&self, who: Who, ending: Ending) {
        self.lock().endings.insert(who, ending);
        self.changed.notify_all();
    }

    pub(crate) fn ending(&self, who: Who) -> Option<Ending> {
        self.lock().endings.get(&who).cloned()
    }

    /// Somebody begins anew.
    pub(crate) fn begins(&self, who: Who) {
        self.lock().endings.remove(&who);
    }

    /// What came first of these kinds.
    pub(crate) fn take(&self, environment: usize, kinds: &[Kind]) -> Option<Held> {
        let mut seen = self.lock();
        let is_it = |held: &Held| held.environment == environment && kinds.contains(&held.kind);
        seen.held.iter().position(is_it).map(|place| seen.held.remove(place))
    }

    pub(crate) fn holds(&self, environment: usize, kind: Kind) -> bool {
        self.lock().holds(environment, &[kind])
    }

    /// Takes the first command of one connection away.
    pub(crate) fn take_of_line(&self, command: &Command) -> Option<Held> {
        let mut seen = self.lock();
        let is_of_line = |held: &Held| matches!(&held.sent, Sent::Command(other) if other.is_of_line_of(command));
        seen.held.iter().position(is_of_line).map(|place| seen.held.remove(place))
    }

    /// Takes all commands of one connection away.
    pub(crate) fn take_line(&self, command: &Command) -> Vec<Held> {
        let is_of_line = |held: &mut Held| matches!(&held.sent, Sent::Command(other) if other.is_of_line_of(command));
        self.lock().held.extract_if(.., is_of_line).collect()
    }

    /// Waits for what must come about.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: impl fmt::Display, condition: impl Fn(&Seen) -> Option<T>) -> T {
        let (mut seen, end) = (self.lock(), Instant::now() + PATIENCE);
        loop {
            if let Some(found) = condition(&seen) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: it does not come about. {seen:?}");
            seen = self.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.iter().map(|held| format!("{:?} of environment {}", held.kind, held.environment));
        write!(f, "Held are {:?}; ended have {:?}", held.collect::<Vec<_>>(), self.endings)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reader(number) => write!(f, "reader {number}"),
            Self::Writer(number) => write!(f, "writer {number}"),
            Self::Drainer(drainer) => write!(f, "{drainer:?}"),
        }
    }
}
