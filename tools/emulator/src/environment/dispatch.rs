//! The interface of an environment for its pool: slots for events, and the dispatch of events.

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Environment;
use super::state::{Phase, Running};
use crate::invocation::{Event, FunctionError, Outcome};

/// An event that has been dispatched.
pub(crate) struct Dispatched {
    /// Resolves when the function has responded.
    pub(crate) outcome: oneshot::Receiver<Outcome>,
    /// Resolves when the environment can accept the next event. Fails if the program exits instead.
    pub(crate) completed: oneshot::Receiver<()>,
}

impl Environment {
    /// Thaws the program and dispatches an event with the deadline `due`. If the environment is not
    /// ready, the outcome is an error.
    pub(crate) fn dispatch(&self, mut event: Event, due: Instant) -> Dispatched {
        let (outcome, outcome_receiver) = oneshot::channel();
        let (completed, completed_receiver) = oneshot::channel();
        let left = due.saturating_duration_since(Instant::now()).as_millis();
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        event.deadline = Timestamp::now().as_millisecond().saturating_add(left);
        let mut state = self.lock();
        if state.phase == Phase::Ready {
            state.process.thaw();
            state.invocations += 1;
            let extension_event = json!({
                "eventType": "INVOKE",
                "deadlineMs": event.deadline,
                "requestId": event.request_id,
                "invokedFunctionArn": self.settings.arn(),
                "tracing": {"type": "X-Amzn-Trace-Id", "value": event.trace},
            });
            state.extensions.notify_invoke(&extension_event);
            state.running.insert(event.request_id.clone(), Running { event: event.clone(), outcome, completed });
            state.pending.push_back(event);
            state.deliver_pending();
        } else {
            let error = state.failure.clone();
            let _ =
                outcome.send(Err(error.unwrap_or_else(|| FunctionError::new("Runtime.ExitError", "Error: exited"))));
        }
        Dispatched { outcome: outcome_receiver, completed: completed_receiver }
    }

    /// Reserves a slot for one event. Returns `false` if no slot is free. `use_number` orders
    /// environments by their last use.
    pub(crate) fn reserve(&self, use_number: u64) -> bool {
        let mut state = self.lock();
        let free = state.phase == Phase::Ready && !state.retired && state.reserved < self.settings.concurrency;
        if free {
            state.reserved += 1;
            state.last_used = use_number;
        }
        free
    }

    /// Releases a slot, and freezes the program if it has become idle. Returns `true` if the
    /// environment is idle and retired.
    pub(crate) fn release(&self) -> bool {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(1);
        if state.reserved > 0 {
            return false;
        }
        if self.settings.freeze && state.phase == Phase::Ready && !state.retired && !state.process.has_exited() {
            state.process.freeze();
        }
        state.retired
    }

    /// Makes the environment reject further events. Returns `true` if the environment is idle.
    pub(crate) fn retire(&self) -> bool {
        let mut state = self.lock();
        state.retired = true;
        state.reserved == 0
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.lock().last_used
    }

    /// Reports whether a worker has responded and is about to request the next event.
    pub(crate) fn is_completing(&self) -> bool {
        let state = self.lock();
        state.phase == Phase::Ready && !state.retired && state.running.len() < state.reserved
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().reserved == 0
    }
}
