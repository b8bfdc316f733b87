//! The steps of `Profiles::update`.

use cache_model::action::WriterStep;
use cache_model::mutant::Mutant;
use redis::cmd;

use super::Replay;
use crate::actor::Actor;
use crate::gate::Operation;
use crate::scheduler::{Message, Outcome};
use crate::{mutant, request};

impl Replay<'_> {
    /// Performs a step of a writer, and returns whether it happened.
    pub(super) fn writer(&mut self, number: usize, step: WriterStep) -> bool {
        let actor = Actor::Writer(number);
        match step {
            WriterStep::Begin => self.begin_write(number) && self.pass(actor, Operation::Begin),
            WriterStep::BeginAgain => self.begin_write(number) && self.resend(actor, Operation::Begin),
            WriterStep::LateBegin => self.deliver_late(actor, Operation::Begin),
            WriterStep::BeginFails => {
                self.writes[number].unmarked = true;
                self.begin_write(number) && self.time_out(actor, Operation::Begin)
            }
            WriterStep::Commit => self.pass(actor, Operation::Commit) && self.committed(number),
            WriterStep::LateCommit => {
                self.writes[number].committed_before_retry = true;
                self.deliver_late(actor, Operation::Commit) && self.committed(number)
            }
            WriterStep::Rollback => self.roll_back(number),
            WriterStep::End if self.mutant == Some(Mutant::ClearBeforeCommit) && !self.writes[number].rolled_back => {
                self.writes[number].cleared_early = true;
                self.clear_marker(number);
                true
            }
            WriterStep::End => self.pass(actor, Operation::End) && self.cleared(number),
            WriterStep::EndAgain => self.resend(actor, Operation::End) && self.cleared(number),
            WriterStep::LateEnd => self.deliver_late(actor, Operation::End),
            WriterStep::EndFails => self.end_fails(actor),
            WriterStep::Crash => self.crash(number),
            WriterStep::Retry => {
                self.participants.start_in_new_environment(self.fixture, actor);
                let write = &mut self.writes[number];
                write.committed_before_retry = write.committed;
                (write.is_running, write.unmarked, write.crashed) = (false, false, false);
                true
            }
        }
    }

    fn begin_write(&mut self, number: usize) -> bool {
        let actor = Actor::Writer(number);
        if std::mem::replace(&mut self.writes[number].is_running, true) {
            return false;
        }
        self.participants.start(self.fixture, actor);
        let version = self.writes[number].version;
        let (state, token) = (self.participants.state(actor), self.participants.token());
        self.participants.begin(actor, request::write(state, token, number, version));
        self.settle(actor);
        true
    }

    fn committed(&mut self, number: usize) -> bool {
        let write = &mut self.writes[number];
        write.committed = true;
        if write.unmarked {
            let rows = self.fixture.outbox_rows();
            write.row = rows.last().copied();
            if self.mutant == Some(Mutant::NoOutbox) {
                self.fixture.delete_outbox_rows(&rows);
            }
        }
        if write.cleared_early {
            self.end_without_effect(Actor::Writer(number));
        }
        true
    }

    fn cleared(&mut self, number: usize) -> bool {
        let write = &mut self.writes[number];
        write.cleared = write.committed;
        true
    }

    /// Lets the clearing time out. The real code then also tries to add the guards to the outbox,
    /// in case Redis loses the marker. The rows are deleted here, because the model leaves them out
    /// and no promise may depend on them.
    fn end_fails(&mut self, actor: Actor) -> bool {
        let before = self.fixture.outbox_rows();
        let happened = self.time_out(actor, Operation::End);
        let added: Vec<i64> = self.fixture.outbox_rows().into_iter().filter(|row| !before.contains(row)).collect();
        self.fixture.delete_outbox_rows(&added);
        happened
    }

    /// Replies to the clearing without executing it, because the mutant has cleared the marker
    /// before the commit.
    fn end_without_effect(&mut self, actor: Actor) {
        if let Some(Message::Command(end)) = self.participants.take(actor, &[Operation::End]).map(|end| end.message) {
            end.reply(b":1\r\n".to_vec());
            self.settle(actor);
        }
    }

    fn roll_back(&mut self, number: usize) -> bool {
        let actor = Actor::Writer(number);
        let commit = self.participants.take(actor, &[Operation::Commit]);
        let Some(Message::Statement(statement)) = commit.map(|commit| commit.message) else { return false };
        self.writes[number].rolled_back = true;
        statement.reject();
        self.settle(actor);
        true
    }

    /// Runs the script that clears the writer's marker, without a gate.
    fn clear_marker(&mut self, number: usize) {
        let (guard, nonce) = (self.participants.keys().guard.clone(), self.writes[number].nonce.clone());
        self.fixture.redis(cmd("EVAL").arg(mutant::END).arg(1).arg(guard).arg(nonce));
    }

    /// Ends the environment of a writer. The messages that it has sent are still in transit, and no
    /// actor waits for them.
    fn crash(&mut self, number: usize) -> bool {
        let actor = Actor::Writer(number);
        if !self.participants.is_running(actor) {
            return false;
        }
        self.participants.worker(actor).abort();
        self.participants.scheduler.set_outcome(actor, Outcome::Crashed);
        self.writes[number].crashed = true;
        while let Some(message) = self.participants.take(actor, actor.awaits()) {
            if message.operation == Operation::Commit && self.mutant == Some(Mutant::ClearWhenUnknown) {
                self.clear_marker(number);
            }
            self.defer(actor, message);
        }
        true
    }
}
