//! The interface of an environment for the Runtime API.

use std::mem;
use std::sync::MutexGuard;

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::state::{Phase, State};
use super::{Environment, Rejection};
use crate::invocation::{Event, FunctionError, Outcome};

/// The status of the event with a given request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestStatus {
    /// A worker is handling the event, or the event is waiting for a worker.
    Running,
    /// A worker has responded but has not requested its next event yet.
    Responded,
    /// The environment has no event with this id.
    Unknown,
}

impl Environment {
    /// Registers a worker that waits for an event. Returns `None` if the program has failed to
    /// start or has exited.
    pub(crate) fn next_event(&self) -> Option<oneshot::Receiver<Event>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Init | Phase::Ready) {
            return None;
        }
        match state.running.values().next() {
            // The only worker requests an event without having responded. As on Lambda, it receives
            // the same event again.
            Some(running) if self.settings.concurrency == 1 && state.pending.is_empty() => {
                let _ = sender.send(running.event.clone());
            }
            _ => state.pollers.push_back(sender),
        }
        state.deliver_pending();
        self.advance(state);
        Some(receiver)
    }

    /// Passes on the response to an event. Returns `false` if the environment has no event with
    /// this id.
    pub(crate) fn respond(&self, request_id: &str, outcome: Outcome) -> bool {
        self.drain_output();
        let mut state = self.lock();
        let Some(running) = state.running.remove(request_id) else { return false };
        state.responded.push_back((request_id.to_owned(), running.completed));
        drop(state);
        let _ = running.outcome.send(outcome);
        true
    }

    pub(crate) fn request_status(&self, request_id: &str) -> RequestStatus {
        let state = self.lock();
        if state.responded.iter().any(|(id, _)| id == request_id) {
            RequestStatus::Responded
        } else if state.running.contains_key(request_id) {
            RequestStatus::Running
        } else {
            RequestStatus::Unknown
        }
    }

    /// Records that the program cannot start. Returns `false` if the start has already succeeded or
    /// failed.
    pub(crate) fn fail_init(&self, failure: FunctionError) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Init {
            return false;
        }
        state.phase = Phase::InitFailed;
        state.failure = Some(failure);
        drop(state);
        self.changed.notify_waiters();
        true
    }

    pub(crate) fn register_extension(&self, name: &str, events: &[String]) -> Result<Uuid, Rejection> {
        let mut state = self.lock();
        if state.phase != Phase::Init {
            return Err(("Extension.RegistrationClosed", "Extension registration closed already".to_owned()));
        }
        state.extensions.register(name, events)
    }

    /// Returns a receiver of an extension's next event, or `None` if the extension is unknown.
    pub(crate) fn next_extension_event(&self, id: &Uuid) -> Option<oneshot::Receiver<Value>> {
        let mut state = self.lock();
        let receiver = state.extensions.next_event(id)?;
        self.advance(state);
        Some(receiver)
    }

    pub(crate) fn has_extension(&self, id: &Uuid) -> bool {
        self.lock().extensions.contains(id)
    }

    /// Ends the environment because an extension reported an error. `during_init` distinguishes the
    /// calls `init/error` and `exit/error`.
    pub(crate) fn fail_extension(&self, error_type: &'static str, during_init: bool) {
        let failure = FunctionError::new(error_type, "Error: an extension reported an error");
        if !(during_init && self.fail_init(failure.clone())) {
            let mut state = self.lock();
            for (_, running) in mem::take(&mut state.running) {
                let _ = running.outcome.send(Err(failure.clone()));
            }
            state.process.kill();
        }
    }

    /// Advances the phase and completes invocations after a worker or an extension has begun to
    /// wait.
    fn advance(&self, mut state: MutexGuard<'_, State>) {
        if state.phase == Phase::Init && !state.pollers.is_empty() && state.extensions.all_waiting() {
            state.phase = Phase::Ready;
        }
        // A worker that neither waits nor handles an event has responded and not requested its next
        // event yet.
        let returning = self.settings.concurrency.saturating_sub(state.pollers.len() + state.running.len());
        while state.responded.len() > returning && state.extensions.all_waiting() {
            if let Some((_, completed)) = state.responded.pop_front() {
                let _ = completed.send(());
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }
}
