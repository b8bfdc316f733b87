//! The steps of `Profiles::get`.

use cache_model::action::ReaderStep;
use cache_model::mutant::Mutant;

use super::Replay;
use crate::actor::Actor;
use crate::gate::Operation;
use crate::scheduler::Outcome;
use crate::{request, writes};

impl Replay<'_> {
    /// Performs a step of a reader, and returns whether it happened.
    pub(super) fn reader(&mut self, number: usize, step: ReaderStep) -> bool {
        let actor = Actor::Reader(number);
        match step {
            // This step sends nothing. Beginning the read performs it.
            ReaderStep::IsBehind => self.begin_read(number),
            ReaderStep::Observe => self.has_begun(number) && self.pass(actor, Operation::Observe),
            ReaderStep::ObserveAgain => self.has_begun(number) && self.resend(actor, Operation::Observe),
            ReaderStep::LateObserve => self.deliver_late(actor, Operation::Observe),
            ReaderStep::Get => self.pass(actor, Operation::Get),
            ReaderStep::Select => self.pass(actor, Operation::Select),
            ReaderStep::Fill => self.fill(actor),
        }
    }

    /// Begins the read unless it has begun, and returns whether it has begun now.
    fn has_begun(&mut self, number: usize) -> bool {
        self.promises.contains_key(&number) || self.begin_read(number)
    }

    fn begin_read(&mut self, number: usize) -> bool {
        let actor = Actor::Reader(number);
        if self.promises.contains_key(&number) {
            return false;
        }
        self.participants.start(self.fixture, actor);
        let rows = self.fixture.outbox_rows();
        let promised = self.writes.iter().enumerate().filter(|(writer, write)| {
            write.is_promised(&rows, self.participants.share_environment(Actor::Writer(*writer), actor))
        });
        self.promises.insert(number, writes::promised(promised.map(|(_, write)| write)));
        self.deliver_before_ping(actor);
        if self.participants.state(actor).store.cache.needs_drain() {
            self.participants.reconnect(actor);
        }
        self.trust_cache(actor);
        self.participants.begin(actor, request::read(self.participants.state(actor), self.participants.token()));
        self.settle(actor);
        true
    }

    /// Resets the failures of the environment for the mutant that trusts Redis at once after a
    /// failure.
    fn trust_cache(&self, actor: Actor) {
        if self.mutant == Some(Mutant::TrustWhileBehind) {
            let cache = self.participants.state(actor).store.cache;
            cache.mark_drained(cache.failures());
        }
    }

    /// Delivers the fill, which is sent after the response. No actor waits for it.
    fn fill(&mut self, actor: Actor) -> bool {
        let outcome = self.participants.scheduler.outcome(actor);
        let (Some(environment), Some(Outcome::Read { fills: true, .. })) =
            (self.participants.environment_of(actor), outcome)
        else {
            return false;
        };
        self.participants.scheduler.wait_for(format_args!("the fill of {actor}"), |state| {
            state.is_pending(environment, &[Operation::Fill]).then_some(())
        });
        let message = self.participants.take(actor, &[Operation::Fill]);
        message.map(|message| self.deliver(actor, &message)).is_some()
    }
}
