//! The steps that the path does not contain, because the model found it for another protocol.

use cache_model::action::{ReaderStep, WriterStep};

use super::Replay;
use crate::actor::Actor;
use crate::gate::Operation;

impl Replay<'_> {
    /// Performs the steps that an actor waits for, if the path has no more steps for it.
    pub(super) fn take_extra_steps(&mut self, actor: Actor) {
        while self.participants.is_running(actor) && !self.has_steps_left(actor) && self.take_extra_step(actor) {}
    }

    /// Performs the step that an actor waits for, and returns whether there was one.
    fn take_extra_step(&mut self, actor: Actor) -> bool {
        let Some(environment) = self.participants.environment_of(actor) else { return false };
        let is_pending = |operation: &Operation| self.participants.scheduler.is_pending(environment, *operation);
        let Some(operation) = actor.awaits().iter().copied().find(is_pending) else { return false };
        match (actor, operation) {
            (Actor::Reader(number), Operation::Select) => {
                self.reader(number, ReaderStep::Select) && {
                    self.reader(number, ReaderStep::Fill);
                    true
                }
            }
            (Actor::Writer(number), Operation::Commit) => self.writer(number, WriterStep::Commit),
            (Actor::Writer(number), Operation::End) => self.writer(number, WriterStep::End),
            _ => self.pass(actor, operation),
        }
    }

    /// Returns whether the path has more steps for an actor.
    fn has_steps_left(&self, actor: Actor) -> bool {
        self.remaining.iter().any(|action| Actor::of(*action) == Some(actor))
    }
}
