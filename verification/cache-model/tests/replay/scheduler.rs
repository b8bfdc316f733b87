//! The scheduler, which sees the messages in transit and the outcomes of the actors.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::actor::Actor;
use crate::gate::Operation;
use crate::gate::postgres::Statement;
use crate::gate::redis::Command;

/// A time limit far above the duration of any step, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Collects the messages that the gates hold, and the outcomes of the actors.
#[derive(Default)]
pub(crate) struct Scheduler {
    state: Mutex<SchedulerState>,
    changed: Condvar,
}

impl Scheduler {
    pub(crate) fn hold(&self, message: PendingMessage) {
        self.lock().pending.push(message);
        self.changed.notify_all();
    }

    pub(crate) fn set_outcome(&self, actor: Actor, outcome: Outcome) {
        self.lock().outcomes.insert(actor, outcome);
        self.changed.notify_all();
    }

    pub(crate) fn outcome(&self, actor: Actor) -> Option<Outcome> {
        self.lock().outcomes.get(&actor).cloned()
    }

    /// Removes the outcome of an actor that begins again.
    pub(crate) fn clear_outcome(&self, actor: Actor) {
        self.lock().outcomes.remove(&actor);
    }

    /// Takes the oldest message with one of these operations.
    pub(crate) fn take(&self, environment: usize, operations: &[Operation]) -> Option<PendingMessage> {
        let mut state = self.lock();
        let matches =
            |message: &PendingMessage| message.environment == environment && operations.contains(&message.operation);
        state.pending.iter().position(matches).map(|index| state.pending.remove(index))
    }

    pub(crate) fn is_pending(&self, environment: usize, operation: Operation) -> bool {
        self.lock().is_pending(environment, &[operation])
    }

    /// Takes the oldest command on the connection of `command`.
    pub(crate) fn take_first_on_connection(&self, command: &Command) -> Option<PendingMessage> {
        let mut state = self.lock();
        let index = state.pending.iter().position(|message| message.shares_connection_with(command));
        index.map(|index| state.pending.remove(index))
    }

    /// Takes every command on the connection of `command`.
    pub(crate) fn take_all_on_connection(&self, command: &Command) -> Vec<PendingMessage> {
        self.lock().pending.extract_if(.., |message| message.shares_connection_with(command)).collect()
    }

    /// Waits until the condition is met.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: impl fmt::Display, condition: impl Fn(&SchedulerState) -> Option<T>) -> T {
        let (mut state, deadline) = (self.lock(), Instant::now() + TIMEOUT);
        loop {
            if let Some(found) = condition(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not happen. {state:?}");
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, SchedulerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

#[derive(Default)]
pub(crate) struct SchedulerState {
    pending: Vec<PendingMessage>,
    outcomes: HashMap<Actor, Outcome>,
}

impl SchedulerState {
    pub(crate) fn is_pending(&self, environment: usize, operations: &[Operation]) -> bool {
        self.pending.iter().any(|message| message.environment == environment && operations.contains(&message.operation))
    }

    pub(crate) fn has_ended(&self, actor: Actor) -> bool {
        self.outcomes.contains_key(&actor)
    }
}

impl fmt::Debug for SchedulerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self
            .pending
            .iter()
            .map(|message| format!("{:?} of environment {}", message.operation, message.environment));
        write!(f, "pending: {:?}; outcomes: {:?}", pending.collect::<Vec<_>>(), self.outcomes)
    }
}

/// A message that an environment has sent and that has not arrived at its server.
pub(crate) struct PendingMessage {
    pub(crate) environment: usize,
    pub(crate) operation: Operation,
    pub(crate) message: Message,
}

impl PendingMessage {
    fn shares_connection_with(&self, command: &Command) -> bool {
        matches!(&self.message, Message::Command(own) if own.shares_connection_with(command))
    }
}

pub(crate) enum Message {
    Command(Command),
    Statement(Statement),
}

/// The result of the work of an actor.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// The actor has read a version. `fills` is whether it also fills the record.
    Read {
        version: u32,
        fills: bool,
    },
    Written,
    Drained,
    Failed(String),
    Crashed,
}
