//! What the pool asks of an environment.

use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::state::{Phase, Running};
use super::{Environment, Outcome};
use crate::invocation::{Event, FunctionError};

/// An invocation under way.
pub(crate) struct Invocation {
    /// What the caller gets.
    pub(crate) outcome: oneshot::Receiver<Outcome>,
    /// Resolves when the environment is ready for more; fails when it ended.
    pub(crate) settled: oneshot::Receiver<()>,
}

/// An environment as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// The function's short name.
    pub function: String,
    /// The process id, which is also the process group's.
    pub pid: u32,
    /// What it is doing.
    pub state: EnvironmentState,
    /// How many events it has been given.
    pub invocations: u64,
}

/// What an environment is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    /// It has not asked for its first event.
    Starting,
    /// It is working on at least one event.
    Busy,
    /// It waits for an event.
    Idle,
    /// It waits for an event, stopped by SIGSTOP.
    Frozen,
}

impl Environment {
    /// Hands an event over, to a program that is thawed for it and told when the event is due.
    pub(crate) fn dispatch(&self, mut event: Event, due: Instant) -> Invocation {
        let (outcome, outcome_receiver) = oneshot::channel();
        let (settled, settled_receiver) = oneshot::channel();
        let left = due.saturating_duration_since(Instant::now()).as_millis();
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        event.deadline = jiff::Timestamp::now().as_millisecond().saturating_add(left);
        let mut state = self.lock();
        if state.phase == Phase::Ready {
            state.process.thaw();
            state.invocations += 1;
            let told = json!({
                "eventType": "INVOKE",
                "deadlineMs": event.deadline,
                "requestId": event.request_id,
                "invokedFunctionArn": self.settings.arn(),
                "tracing": {"type": "X-Amzn-Trace-Id", "value": event.trace},
            });
            state.extensions.invoke(&told);
            state.running.insert(event.request_id.clone(), Running { event: event.clone(), outcome, settled });
            state.pending.push_back(event);
            state.deliver();
        } else {
            let error = state.failure.clone();
            let _ =
                outcome.send(Err(error.unwrap_or_else(|| FunctionError::new("Runtime.ExitError", "Error: exited"))));
        }
        Invocation { outcome: outcome_receiver, settled: settled_receiver }
    }

    /// Takes a slot for one event, if there is one: `used` orders environments by their last use.
    pub(crate) fn reserve(&self, used: u64) -> bool {
        let mut state = self.lock();
        let free = state.phase == Phase::Ready && !state.retired && state.reserved < self.settings.concurrency;
        if free {
            state.reserved += 1;
            state.last_used = used;
        }
        free
    }

    /// Gives a slot back and freezes what is idle; `true` where the environment is retired and now idle.
    pub(crate) fn release(&self) -> bool {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(1);
        if state.reserved > 0 {
            return false;
        }
        if self.settings.freeze && state.phase == Phase::Ready && !state.retired && !state.process.exited() {
            state.process.freeze();
        }
        state.retired
    }

    /// Takes no more events; `true` where nothing is under way.
    pub(crate) fn retire(&self) -> bool {
        let mut state = self.lock();
        state.retired = true;
        state.reserved == 0
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.lock().last_used
    }

    /// Whether a worker has answered and is about to come back for more.
    pub(crate) fn is_settling(&self) -> bool {
        let state = self.lock();
        state.phase == Phase::Ready && !state.retired && state.running.len() < state.reserved
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().reserved == 0
    }

    pub(crate) fn info(&self) -> EnvironmentInfo {
        let state = self.lock();
        EnvironmentInfo {
            function: self.settings.function.name.clone(),
            pid: state.process.id(),
            state: match state.phase {
                Phase::Init | Phase::InitFailed => EnvironmentState::Starting,
                _ if state.reserved > 0 => EnvironmentState::Busy,
                _ if state.process.frozen() => EnvironmentState::Frozen,
                _ => EnvironmentState::Idle,
            },
            invocations: state.invocations,
        }
    }
}
