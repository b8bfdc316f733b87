//! Delivers the messages that the gates hold, and waits until their senders have reacted.

use std::time::Duration;

use cache_model::action::{Action, Drainer, ReaderStep};

use super::Replay;
use crate::actor::Actor;
use crate::gate::Operation;
use crate::gate::redis::Command;
use crate::history::Read;
use crate::mutant;
use crate::scheduler::{Message, Outcome, PendingMessage};

/// A period longer than each time budget of the cache, and shorter than those of the database.
const CACHE_BUDGET: Duration = Duration::from_millis(60);
/// A period longer than a read waits until the outbox is drained.
const DRAIN_BUDGET: Duration = Duration::from_millis(160);

impl Replay<'_> {
    /// Delivers the message that an actor waits for, and waits for the next step of the actor.
    /// Returns whether the actor waited for that message.
    pub(super) fn pass(&mut self, actor: Actor, operation: Operation) -> bool {
        let Some(message) = self.participants.take(actor, &[operation]) else {
            return self.was_delivered_early(actor, operation);
        };
        self.deliver_and_settle(actor, &message);
        true
    }

    fn deliver_and_settle(&mut self, actor: Actor, message: &PendingMessage) {
        self.deliver(actor, message);
        if let Message::Command(command) = &message.message {
            self.deliver_predecessors(command);
        }
        self.settle(actor);
        // The lookup requests the record together with the guard, even if the record is not used.
        if let (Actor::Reader(number), Operation::Observe) = (actor, message.operation)
            && !self.remaining.contains(&Action::Reader(number, ReaderStep::Get))
        {
            self.pass(actor, Operation::Get);
        }
    }

    /// Delivers the commands that precede `command` on a shared connection, because its reply waits
    /// for their replies. The model has no connections.
    fn deliver_predecessors(&mut self, command: &Command) {
        while command.is_blocked() {
            let Some(message) = self.participants.scheduler.take_first_on_connection(command) else { return };
            self.deliver_early(&message);
        }
    }

    /// Delivers the commands that precede the `PING` of a reader. A reader that must drain the
    /// outbox first checks whether Redis is reachable. No gate delays the `PING` itself.
    pub(super) fn deliver_before_ping(&mut self, actor: Actor) {
        while self.participants.state(actor).store.cache.needs_drain() {
            let operations = [Operation::Begin, Operation::End, Operation::Invalidate];
            let Some(message) = self.participants.take(actor, &operations) else { return };
            self.deliver_early(&message);
        }
    }

    /// Delivers a message before its step. The actor that waits for the message does not see the
    /// reply until the step.
    fn deliver_early(&mut self, message: &PendingMessage) {
        let is_sender = |actor: &Actor| {
            self.participants.environment_of(*actor) == Some(message.environment)
                && actor.awaits().contains(&message.operation)
        };
        let Some(actor) = self.participants.started().into_iter().find(is_sender) else { return };
        let freeze_guard = (message.operation == Operation::Get).then(|| self.participants.worker(actor).freeze());
        self.deliver(actor, message);
        if freeze_guard.is_none() {
            self.settle(actor);
        }
        self.early.insert((actor, message.operation), freeze_guard);
    }

    /// Returns whether the message was delivered before its step. If so, its actor continues.
    fn was_delivered_early(&mut self, actor: Actor, operation: Operation) -> bool {
        let Some(freeze_guard) = self.early.remove(&(actor, operation)) else { return false };
        drop(freeze_guard);
        self.settle(actor);
        true
    }

    /// Breaks the connection of a command, and delivers the second copy, which is sent on a new
    /// connection. The first copy is still in transit.
    pub(super) fn resend(&mut self, actor: Actor, operation: Operation) -> bool {
        let Some(environment) = self.participants.environment_of(actor) else { return false };
        if operation == Operation::Observe {
            self.participants.scheduler.wait_for("the second command of the lookup", |state| {
                state.is_pending(environment, &[Operation::Get]).then_some(())
            });
        }
        let Some(mut first) = self.participants.take(actor, &[operation]) else { return false };
        if let Message::Command(command) = &first.message {
            command.break_connection();
            let others = self.participants.scheduler.take_all_on_connection(command);
            let are_own = others.iter().all(|other| actor.awaits().contains(&other.operation));
            assert!(are_own, "another actor uses the connection that breaks");
        }
        self.settle(actor);
        let Some(second) = self.participants.take(actor, &[operation]) else { return false };
        if let (Message::Command(first), Message::Command(second), Some(mutant)) =
            (&mut first.message, &second.message, self.mutant)
        {
            mutant::rewrite_first_copy(mutant, operation, &mut first.words, &second.words);
        }
        self.late.insert((actor, operation), first);
        self.deliver_and_settle(actor, &second);
        true
    }

    /// Lets the actor time out while it waits for a reply. The command is still in transit.
    pub(super) fn time_out(&mut self, actor: Actor, operation: Operation) -> bool {
        let Some(message) = self.participants.take(actor, &[operation]) else { return false };
        self.participants.worker(actor).advance(CACHE_BUDGET);
        self.settle(actor);
        self.defer(actor, message);
        true
    }

    /// Stores a message that no actor waits for any more. [`Self::deliver_late`] delivers it.
    pub(super) fn defer(&mut self, actor: Actor, message: PendingMessage) {
        if let Message::Command(command) = &message.message {
            // Without this reply, the later replies on a shared connection would wait.
            command.reply(b"+OK\r\n".to_vec());
        }
        self.late.insert((actor, message.operation), message);
    }

    /// Delivers a deferred message, if there is one.
    pub(super) fn deliver_late(&mut self, actor: Actor, operation: Operation) -> bool {
        let Some(message) = self.late.remove(&(actor, operation)) else { return false };
        self.deliver(actor, &message);
        true
    }

    /// Executes a message, and passes on the reply.
    pub(super) fn deliver(&mut self, actor: Actor, message: &PendingMessage) {
        match &message.message {
            Message::Statement(statement) => statement.execute(),
            Message::Command(command) => {
                if let (Actor::Writer(number), Operation::Begin) = (actor, message.operation) {
                    self.writes[number].nonce.clone_from(&command.words[4]);
                }
                command.reply(self.execute(message.operation, command));
            }
        }
    }

    fn execute(&self, operation: Operation, command: &Command) -> Vec<u8> {
        let Some(mutant) = self.mutant else { return command.execute(&command.words) };
        let words = mutant::rewrite_command(mutant, operation, &command.words);
        let reply = words.map(|words| command.execute(&words));
        mutant::rewrite_reply(mutant, operation, reply.unwrap_or_else(|| b"+OK\r\n".to_vec()))
    }

    /// Waits until an actor waits for a message or has ended. From then on, the actor does nothing
    /// without the schedule.
    pub(super) fn settle(&mut self, actor: Actor) {
        let Some(environment) = self.participants.environment_of(actor) else { return };
        // In the shared environment, the drainer sends the invalidations.
        let has_drainer = self.participants.share_environment(actor, Actor::Drainer(Drainer::Environment));
        loop {
            let settled = self.participants.scheduler.wait_for(format_args!("the next step of {actor}"), |state| {
                if state.has_ended(actor) {
                    return Some(Settled::Ended);
                }
                let is_pending = |operations: &[Operation]| state.is_pending(environment, operations);
                match actor {
                    _ if is_pending(actor.awaits()) => Some(Settled::Waiting),
                    Actor::Reader(_) if is_pending(&[Operation::Pending]) => Some(Settled::Draining),
                    Actor::Writer(_) if !has_drainer && is_pending(&[Operation::Invalidate]) => {
                        Some(Settled::Invalidating)
                    }
                    _ => None,
                }
            });
            match settled {
                Settled::Waiting => return,
                Settled::Ended => return self.record_outcome(actor),
                Settled::Draining => {
                    // In the model, the drain is a separate sequence of steps. The lookup does not
                    // wait for it.
                    let pending = self.participants.take(actor, &[Operation::Pending]);
                    self.participants.worker(actor).advance(DRAIN_BUDGET);
                    drop(pending);
                }
                Settled::Invalidating => {
                    if let Some(message) = self.participants.take(actor, &[Operation::Invalidate]) {
                        self.deliver(actor, &message);
                    }
                }
            }
        }
    }

    fn record_outcome(&mut self, actor: Actor) {
        match (actor, self.participants.scheduler.outcome(actor)) {
            (Actor::Reader(reader), Some(Outcome::Read { version: answered, .. })) if self.recorded.insert(reader) => {
                self.history.reads.push(Read { reader, promised: self.promises[&reader], answered });
            }
            (Actor::Writer(number), Some(Outcome::Written)) => self.writes[number].acknowledged = true,
            (Actor::Writer(number), Some(Outcome::Failed(_))) if self.writes[number].rolled_back => {}
            (_, Some(Outcome::Failed(error))) => panic!("{actor} failed: {error}"),
            _ => {}
        }
    }
}

/// A state in which an actor does nothing without the schedule.
enum Settled {
    Waiting,
    Ended,
    /// A reader is draining the outbox before its lookup.
    Draining,
    /// A repeated write drops the guards, because it is unknown whether the first attempt cleared
    /// them.
    Invalidating,
}
