//! `store::profile`.

use cache_model::action::ReaderStep;
use cache_model::mutant::Mutant;

use super::Replay;
use crate::board::{Ending, Kind, Who};
use crate::request;
use crate::writes;

impl Replay<'_> {
    /// Whether the step came about.
    pub(super) fn reader(&mut self, number: usize, step: ReaderStep) -> bool {
        let who = Who::Reader(number);
        match step {
            // Nothing is sent for it, so it comes about by itself.
            ReaderStep::IsBehind => self.begin_read(number),
            ReaderStep::Observe => self.has_begun(number) && self.pass(who, Kind::Observe),
            ReaderStep::ObserveAgain => self.has_begun(number) && self.send_again(who, Kind::Observe),
            ReaderStep::LateObserve => self.arrive_late(who, Kind::Observe),
            ReaderStep::Get => self.pass(who, Kind::Get),
            ReaderStep::Select => self.pass(who, Kind::Select),
            ReaderStep::Fill => self.fill(who),
        }
    }

    /// Whether the read has begun, or does so now.
    fn has_begun(&mut self, number: usize) -> bool {
        self.promises.contains_key(&number) || self.begin_read(number)
    }

    fn begin_read(&mut self, number: usize) -> bool {
        let who = Who::Reader(number);
        if self.promises.contains_key(&number) {
            return false;
        }
        self.cast.enter(self.stage, who);
        let rows = self.stage.outbox();
        let promised = self
            .writes
            .iter()
            .enumerate()
            .filter(|(writer, write)| write.is_promised(&rows, self.cast.are_together(Who::Writer(*writer), who)));
        self.promises.insert(number, writes::promise(promised.map(|(_, write)| write)));
        self.let_neighbours_through(who);
        if self.cast.state(who).cache.must_catch_up() {
            self.cast.reconnect(who);
        }
        self.trust(who);
        self.cast.begin(who, request::read(self.cast.state(who), self.cast.token()));
        self.settle(who);
        true
    }

    /// An environment of this mutant forgets at once that it could not reach Redis.
    fn trust(&self, who: Who) {
        if self.mutant == Some(Mutant::TrustWhileBehind) {
            let cache = self.cast.state(who).cache;
            cache.caught_up(cache.failures());
        }
    }

    /// A record is sent after the reply, by nobody who waits for it.
    fn fill(&mut self, who: Who) -> bool {
        let (Some(home), Some(Ending::Read { fills: true, .. })) = (self.cast.home(who), self.cast.board.ending(who))
        else {
            return false;
        };
        self.cast.board.wait(format!("the record of {who}"), |seen| seen.holds(home, &[Kind::Fill]).then_some(()));
        let held = self.cast.take(who, &[Kind::Fill]);
        held.map(|held| self.deliver(who, &held)).is_some()
    }
}
