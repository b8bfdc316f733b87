//! The steps of `Outbox::drain`.

use cache_model::action::{DrainStep, Drainer};
use cache_model::mutant::Mutant;

use super::Replay;
use crate::actor::Actor;
use crate::gate::Operation;
use crate::request;
use crate::scheduler::Outcome;

impl Replay<'_> {
    /// Performs a step of a drainer, and returns whether it happened.
    pub(super) fn drain(&mut self, drainer: Drainer, step: DrainStep) -> bool {
        let actor = Actor::Drainer(drainer);
        let done_first = self.mutant == Some(Mutant::DoneBeforeInvalidate);
        let happened = match step {
            DrainStep::Pending => self.begin_drain(drainer) && self.pass(actor, Operation::Pending),
            // Without rows, there is nothing to invalidate or to delete.
            _ if self.outbox_rows.get(&drainer).is_some_and(Vec::is_empty) => {
                matches!(self.participants.scheduler.outcome(actor), Some(Outcome::Drained))
            }
            DrainStep::Invalidate => {
                let mut happened = false;
                while self.pass(actor, Operation::Invalidate) {
                    happened = true;
                }
                happened && (!done_first || self.pass(actor, Operation::Done))
            }
            DrainStep::Done if done_first => {
                self.fixture.delete_outbox_rows(&self.outbox_rows[&drainer]);
                true
            }
            DrainStep::Done => self.pass(actor, Operation::Done),
        };
        if step == DrainStep::Done && self.mutant == Some(Mutant::DrainSettlesLaterFailures) {
            let cache = self.participants.state(actor).store.cache;
            cache.mark_drained(cache.failures());
        }
        happened
    }

    fn begin_drain(&mut self, drainer: Drainer) -> bool {
        let actor = Actor::Drainer(drainer);
        if self.participants.is_running(actor) {
            return false;
        }
        self.participants.start(self.fixture, actor);
        self.outbox_rows.insert(drainer, self.fixture.outbox_rows());
        self.participants.begin(actor, request::drain(self.participants.state(actor)));
        self.settle(actor);
        true
    }
}
