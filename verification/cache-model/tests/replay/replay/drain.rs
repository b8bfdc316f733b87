//! `store::drain_outbox`.

use cache_model::action::{DrainStep, Drainer};
use cache_model::mutant::Mutant;

use super::Replay;
use crate::board::{Ending, Kind, Who};
use crate::request;

impl Replay<'_> {
    /// Whether the step came about.
    pub(super) fn drain(&mut self, drainer: Drainer, step: DrainStep) -> bool {
        let who = Who::Drainer(drainer);
        let done_first = self.mutant == Some(Mutant::DoneBeforeInvalidate);
        let came_about = match step {
            DrainStep::Pending => self.begin_drain(drainer) && self.pass(who, Kind::Pending),
            // Where there is nothing, nothing is to be done.
            _ if self.found.get(&drainer).is_some_and(Vec::is_empty) => {
                matches!(self.cast.board.ending(who), Some(Ending::Drained))
            }
            DrainStep::Invalidate => {
                let mut came_about = false;
                while self.pass(who, Kind::Invalidate) {
                    came_about = true;
                }
                came_about && (!done_first || self.pass(who, Kind::Done))
            }
            DrainStep::Done if done_first => {
                self.stage.forget(&self.found[&drainer]);
                true
            }
            DrainStep::Done => self.pass(who, Kind::Done),
        };
        if step == DrainStep::Done && self.mutant == Some(Mutant::SettleWhatFailedSince) {
            let cache = self.cast.state(who).cache;
            cache.caught_up(cache.failures());
        }
        came_about
    }

    fn begin_drain(&mut self, drainer: Drainer) -> bool {
        let who = Who::Drainer(drainer);
        if self.cast.is_under_way(who) {
            return false;
        }
        self.cast.enter(self.stage, who);
        self.found.insert(drainer, self.stage.outbox());
        self.cast.begin(who, request::drain(self.cast.state(who)));
        self.settle(who);
        true
    }
}
