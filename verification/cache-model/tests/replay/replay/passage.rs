//! Letting pass what waits, and waiting for what comes next.

use std::time::Duration;

use cache_model::action::Drainer;

use super::Replay;
use crate::board::{Ending, Held, Kind, Sent, Who};
use crate::mutant;
use crate::redis_gate::Command;
use crate::verdict::Read;

/// Longer than each of the cache's budgets, and shorter than those of the database.
const BUDGET: Duration = Duration::from_millis(60);
/// Longer than what a read waits for the outbox to be finished.
const CATCH_UP_BUDGET: Duration = Duration::from_millis(160);

/// What somebody has come to.
enum Rest {
    Waits,
    Ended,
    /// A reader finishes the outbox before it looks anything up.
    CatchesUp,
    /// A writer that was sent again makes sure that the first one's end is known.
    Invalidates,
}

impl Replay<'_> {
    /// Lets what somebody waits for pass, and waits for what it does next. False if it does not wait for that.
    pub(super) fn pass(&mut self, who: Who, kind: Kind) -> bool {
        let Some(held) = self.cast.take(who, &[kind]) else { return self.catch_up_with(who, kind) };
        self.let_through(who, &held);
        true
    }

    fn let_through(&mut self, who: Who, held: &Held) {
        self.deliver(who, held);
        if let Sent::Command(command) = &held.sent {
            self.let_those_before_through(command);
        }
        self.settle(who);
        // The record is sent for together with the guard, also where it is of no use.
        if held.kind == Kind::Observe && !self.has_more_of(who, Kind::Get) {
            self.pass(who, Kind::Get);
        }
    }

    /// On a connection that several share, nobody is answered before those who have asked before. The model knows no connections.
    fn let_those_before_through(&mut self, command: &Command) {
        while command.is_kept_waiting() {
            let Some(held) = self.cast.board.take_of_line(command) else { return };
            self.let_early_through(&held);
        }
    }

    /// The same for what no gate holds: a reader that has to catch up asks first whether Redis is there.
    pub(super) fn let_neighbours_through(&mut self, who: Who) {
        while self.cast.state(who).cache.must_catch_up() {
            let Some(held) = self.cast.take(who, &[Kind::Begin, Kind::End, Kind::Invalidate]) else { return };
            self.let_early_through(&held);
        }
    }

    /// Something is done before its step. Whoever waits for it does not come to see the reply until then.
    fn let_early_through(&mut self, held: &Held) {
        let is_it = |who: &Who| self.cast.home(*who) == Some(held.environment) && who.awaits().contains(&held.kind);
        let Some(who) = self.cast.everybody().into_iter().find(is_it) else { return };
        let frost = (held.kind == Kind::Get).then(|| self.cast.actor(who).freeze());
        self.deliver(who, held);
        if frost.is_none() {
            self.settle(who);
        }
        self.early.insert((who, held.kind), frost);
    }

    /// Whether the step has come about before.
    fn catch_up_with(&mut self, who: Who, kind: Kind) -> bool {
        let Some(frost) = self.early.remove(&(who, kind)) else { return false };
        drop(frost);
        self.settle(who);
        true
    }

    /// Breaks the connection under a command, and lets the copy pass that is then sent on a new one. The first is still on its way.
    pub(super) fn send_again(&mut self, who: Who, kind: Kind) -> bool {
        let Some(home) = self.cast.home(who) else { return false };
        if kind == Kind::Observe {
            self.cast.board.wait("the rest of the look-up", |seen| seen.holds(home, &[Kind::Get]).then_some(()));
        }
        let Some(mut first) = self.cast.take(who, &[kind]) else { return false };
        if let Sent::Command(command) = &first.sent {
            command.break_line();
            let others = self.cast.board.take_line(command);
            let are_own = others.iter().all(|other| who.awaits().contains(&other.kind));
            assert!(are_own, "the connection breaks under somebody else, too");
        }
        self.settle(who);
        let Some(second) = self.cast.take(who, &[kind]) else { return false };
        if let (Sent::Command(first), Sent::Command(second), Some(mutant)) =
            (&mut first.sent, &second.sent, self.mutant)
        {
            mutant::repeat(mutant, kind, &mut first.words, &second.words);
        }
        self.late.insert((who, kind), first);
        self.let_through(who, &second);
        true
    }

    /// Lets the time run out that somebody waits for a reply. The command is still on its way.
    pub(super) fn run_out(&mut self, who: Who, kind: Kind) -> bool {
        let Some(held) = self.cast.take(who, &[kind]) else { return false };
        self.cast.actor(who).advance(BUDGET);
        self.settle(who);
        self.keep(who, held);
        true
    }

    /// Keeps what nobody waits for any more.
    pub(super) fn keep(&mut self, who: Who, held: Held) {
        if let Sent::Command(command) = &held.sent {
            // Or whoever shares the connection would wait for it.
            command.answer(b"+OK\r\n".to_vec());
        }
        self.late.insert((who, held.kind), held);
    }

    /// What was kept arrives.
    pub(super) fn arrive_late(&mut self, who: Who, kind: Kind) -> bool {
        let Some(held) = self.late.remove(&(who, kind)) else { return false };
        self.deliver(who, &held);
        true
    }

    /// Something takes effect, and its reply is passed on. Returns the reply of Redis, as the client gets it.
    pub(super) fn deliver(&mut self, who: Who, held: &Held) -> Option<Vec<u8>> {
        match &held.sent {
            Sent::Statement(statement) => {
                statement.pass();
                None
            }
            Sent::Command(command) => {
                if let (Who::Writer(number), Kind::Begin) = (who, held.kind) {
                    self.writes[number].nonce.clone_from(&command.words[4]);
                }
                let reply = self.exchange(held.kind, command);
                command.answer(reply.clone());
                Some(reply)
            }
        }
    }

    fn exchange(&self, kind: Kind, command: &Command) -> Vec<u8> {
        let Some(mutant) = self.mutant else { return command.ask(&command.words) };
        let reply = mutant::request(mutant, kind, &command.words).map(|words| command.ask(&words));
        mutant::reply(mutant, kind, reply.unwrap_or_else(|| b"+OK\r\n".to_vec()))
    }

    /// Waits until somebody waits or has ended: from then on it does nothing by itself.
    pub(super) fn settle(&mut self, who: Who) {
        let Some(home) = self.cast.home(who) else { return };
        // There it is somebody else who invalidates.
        let is_drained = self.cast.are_together(who, Who::Drainer(Drainer::Environment));
        loop {
            let rest = self.cast.board.wait(who, |seen| {
                if seen.ending(who).is_some() {
                    return Some(Rest::Ended);
                }
                let holds = |kinds: &[Kind]| seen.holds(home, kinds);
                match who {
                    _ if holds(who.awaits()) => Some(Rest::Waits),
                    Who::Reader(_) if holds(&[Kind::Pending]) => Some(Rest::CatchesUp),
                    Who::Writer(_) if !is_drained && holds(&[Kind::Invalidate]) => Some(Rest::Invalidates),
                    _ => None,
                }
            });
            match rest {
                Rest::Waits => return,
                Rest::Ended => return self.note_end(who),
                Rest::CatchesUp => {
                    // The model finishes the outbox in steps of its own. In the look-up it is not finished in time.
                    let pending = self.cast.take(who, &[Kind::Pending]);
                    self.cast.actor(who).advance(CATCH_UP_BUDGET);
                    drop(pending);
                }
                Rest::Invalidates => {
                    let held = self.cast.take(who, &[Kind::Invalidate]);
                    held.and_then(|held| self.deliver(who, &held));
                }
            }
        }
    }

    fn note_end(&mut self, who: Who) {
        match (who, self.cast.board.ending(who)) {
            (Who::Reader(reader), Some(Ending::Read { version: answered, .. })) if self.told.insert(reader) => {
                self.verdict.reads.push(Read { reader, promised: self.promises[&reader], answered });
            }
            (Who::Writer(number), Some(Ending::Written)) => self.writes[number].acknowledged = true,
            (Who::Writer(number), Some(Ending::Failed(_))) if self.writes[number].refused => {}
            (_, Some(Ending::Failed(error))) => panic!("{who} failed: {error}"),
            _ => {}
        }
    }
}
