//! What the runtime API asks of an environment.

use std::sync::MutexGuard;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::state::{Phase, State};
use super::{Environment, Outcome, Refusal};
use crate::invocation::{Event, FunctionError};

impl Environment {
    /// A worker asks for an event. `None` where it may not: after it reported that it cannot start.
    pub(crate) fn next(&self) -> Option<oneshot::Receiver<Event>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Init | Phase::Ready) {
            return None;
        }
        match state.running.values().next() {
            // A lone worker that asks again without having answered gets the same event again, as on Lambda.
            Some(running) if self.settings.concurrency == 1 && state.pending.is_empty() => {
                let _ = sender.send(running.event.clone());
            }
            _ => state.pollers.push_back(sender),
        }
        state.deliver();
        self.advance(state);
        Some(receiver)
    }

    /// The answer to an event, `false` where no worker has an event with this id.
    pub(crate) fn answer(&self, request_id: &str, outcome: Outcome) -> bool {
        self.drain();
        let mut state = self.lock();
        let Some(running) = state.running.remove(request_id) else { return false };
        state.finished.push_back((request_id.to_owned(), running.settled));
        drop(state);
        let _ = running.outcome.send(outcome);
        true
    }

    /// Whether a worker is working on this event; `None` where it has answered but not come back.
    pub(crate) fn works_on(&self, request_id: &str) -> Option<bool> {
        let state = self.lock();
        let answered = state.finished.iter().any(|(finished, _)| finished == request_id);
        (!answered).then(|| state.running.contains_key(request_id))
    }

    /// The program cannot start; `false` where it has started already.
    pub(crate) fn init_error(&self, failure: FunctionError) -> bool {
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

    pub(crate) fn register_extension(&self, name: &str, events: &[String]) -> std::result::Result<Uuid, Refusal> {
        let mut state = self.lock();
        if state.phase != Phase::Init {
            return Err(("Extension.RegistrationClosed", "Extension registration closed already".to_owned()));
        }
        state.extensions.register(name, events)
    }

    pub(crate) fn extension_next(&self, id: &Uuid) -> Option<oneshot::Receiver<serde_json::Value>> {
        let mut state = self.lock();
        let receiver = state.extensions.next(id)?;
        self.advance(state);
        Some(receiver)
    }

    pub(crate) fn knows_extension(&self, id: &Uuid) -> bool {
        self.lock().extensions.knows(id)
    }

    /// An extension gives up, which ends the environment. `during_init` says which of its two calls it made.
    pub(crate) fn extension_failed(&self, error_type: &'static str, during_init: bool) {
        let failure = FunctionError::new(error_type, "Error: an extension reported an error");
        if !(during_init && self.init_error(failure.clone())) {
            let mut state = self.lock();
            for (_, running) in std::mem::take(&mut state.running) {
                let _ = running.outcome.send(Err(failure.clone()));
            }
            state.process.kill();
        }
    }

    /// Moves on after a worker or an extension came to wait.
    fn advance(&self, mut state: MutexGuard<'_, State>) {
        if state.phase == Phase::Init && !state.pollers.is_empty() && state.extensions.all_wait() {
            state.phase = Phase::Ready;
        }
        // Workers that are neither waiting nor working have answered and not come back yet.
        let away = self.settings.concurrency.saturating_sub(state.pollers.len() + state.running.len());
        while state.finished.len() > away && state.extensions.all_wait() {
            if let Some((_, settled)) = state.finished.pop_front() {
                let _ = settled.send(());
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }
}
