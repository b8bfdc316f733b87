//! `store::begin_profile_write` and `store::update_profile`.

use cache_model::action::WriterStep;
use cache_model::mutant::Mutant;
use redis::cmd;

use super::Replay;
use crate::board::{Ending, Kind, Sent, Who};
use crate::mutant;
use crate::request;

impl Replay<'_> {
    /// Whether the step came about.
    pub(super) fn writer(&mut self, number: usize, step: WriterStep) -> bool {
        let who = Who::Writer(number);
        match step {
            WriterStep::Begin => self.begin_write(number) && self.pass(who, Kind::Begin),
            WriterStep::BeginAgain => self.begin_write(number) && self.send_again(who, Kind::Begin),
            WriterStep::LateBegin => self.arrive_late(who, Kind::Begin),
            WriterStep::BeginFails => {
                self.writes[number].unmarked = true;
                self.begin_write(number) && self.run_out(who, Kind::Begin)
            }
            WriterStep::Commit => self.pass(who, Kind::Commit) && self.committed(number),
            WriterStep::LateCommit => {
                self.writes[number].was_done = true;
                self.arrive_late(who, Kind::Commit) && self.committed(number)
            }
            WriterStep::Refuse => self.refuse(number),
            WriterStep::End if self.mutant == Some(Mutant::ClearBeforeCommit) && !self.writes[number].refused => {
                self.writes[number].cleared_early = true;
                self.clear(number);
                true
            }
            WriterStep::End => self.pass(who, Kind::End) && self.cleared(number),
            WriterStep::EndAgain => self.send_again(who, Kind::End) && self.cleared(number),
            WriterStep::LateEnd => self.arrive_late(who, Kind::End),
            WriterStep::EndFails => self.end_fails(who),
            WriterStep::Crash => self.crash(number),
            WriterStep::Retry => {
                self.cast.enter_anew(self.stage, who);
                let write = &mut self.writes[number];
                write.was_done = write.committed;
                (write.is_under_way, write.unmarked, write.crashed) = (false, false, false);
                true
            }
        }
    }

    fn begin_write(&mut self, number: usize) -> bool {
        let who = Who::Writer(number);
        if std::mem::replace(&mut self.writes[number].is_under_way, true) {
            return false;
        }
        self.cast.enter(self.stage, who);
        let version = self.writes[number].version;
        self.cast.begin(who, request::write(self.cast.state(who), self.cast.token(), number, version));
        self.settle(who);
        true
    }

    fn committed(&mut self, number: usize) -> bool {
        let write = &mut self.writes[number];
        write.committed = true;
        if write.unmarked {
            let rows = self.stage.outbox();
            write.row = rows.last().copied();
            if self.mutant == Some(Mutant::NoOutbox) {
                self.stage.forget(&rows);
            }
        }
        if write.cleared_early {
            self.end_without_effect(Who::Writer(number));
        }
        true
    }

    fn cleared(&mut self, number: usize) -> bool {
        let write = &mut self.writes[number];
        write.cleared = write.committed;
        true
    }

    /// The real code also hands the guards over to the outbox, as best it can, for a Redis that forgets. That is not modelled, and nothing may
    /// depend on it.
    fn end_fails(&mut self, who: Who) -> bool {
        let before = self.stage.outbox();
        let came_about = self.run_out(who, Kind::End);
        let added: Vec<i64> = self.stage.outbox().into_iter().filter(|row| !before.contains(row)).collect();
        self.stage.forget(&added);
        came_about
    }

    /// What the real code does after the commit was done before it.
    fn end_without_effect(&mut self, who: Who) {
        if let Some(Sent::Command(end)) = self.cast.take(who, &[Kind::End]).map(|held| held.sent) {
            end.answer(b":1\r\n".to_vec());
            self.settle(who);
        }
    }

    fn refuse(&mut self, number: usize) -> bool {
        let who = Who::Writer(number);
        let Some(Sent::Statement(statement)) = self.cast.take(who, &[Kind::Commit]).map(|held| held.sent) else {
            return false;
        };
        self.writes[number].refused = true;
        statement.refuse();
        self.settle(who);
        true
    }

    /// The script that clears the writer's marker, past all gates.
    fn clear(&mut self, number: usize) {
        let (guard, nonce) = (self.cast.names().guard.clone(), self.writes[number].nonce.clone());
        self.stage.redis(cmd("EVAL").arg(mutant::END).arg(1).arg(guard).arg(nonce));
    }

    /// The environment is gone in the middle. What it has sent is on its way, and nobody waits for it.
    fn crash(&mut self, number: usize) -> bool {
        let who = Who::Writer(number);
        if !self.cast.is_under_way(who) {
            return false;
        }
        self.cast.actor(who).abort();
        self.cast.board.ended(who, Ending::Crashed);
        self.writes[number].crashed = true;
        while let Some(held) = self.cast.take(who, who.awaits()) {
            if held.kind == Kind::Commit && self.mutant == Some(Mutant::ClearWhenOpen) {
                self.clear(number);
            }
            self.keep(who, held);
        }
        true
    }
}
