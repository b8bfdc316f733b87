//! What a path says nothing about, because it was found for another protocol.

use cache_model::action::{ReaderStep, WriterStep};

use super::Replay;
use crate::board::{Kind, Who};

impl Replay<'_> {
    /// Does what somebody still waits for and the path says nothing about.
    pub(super) fn go_on(&mut self, who: Who) {
        while self.cast.is_under_way(who) && !self.has_more_for(who) && self.next(who) {}
    }

    /// Does the step that somebody waits for.
    fn next(&mut self, who: Who) -> bool {
        let waits_for = |kind: Kind| self.cast.home(who).is_some_and(|home| self.cast.board.holds(home, kind));
        let Some(kind) = who.awaits().iter().copied().find(|kind| waits_for(*kind)) else { return false };
        match (who, kind) {
            (Who::Reader(number), Kind::Select) => {
                self.reader(number, ReaderStep::Select) && {
                    self.reader(number, ReaderStep::Fill);
                    true
                }
            }
            (Who::Writer(number), Kind::Commit) => self.writer(number, WriterStep::Commit),
            (Who::Writer(number), Kind::End) => self.writer(number, WriterStep::End),
            _ => self.pass(who, kind),
        }
    }

    /// Whether the path has more for somebody to do.
    fn has_more_for(&self, who: Who) -> bool {
        self.rest.iter().any(|action| Who::of(*action) == Some(who))
    }

    /// Whether one of its further steps is of this kind.
    pub(super) fn has_more_of(&self, who: Who, kind: Kind) -> bool {
        let name = format!("{who}: {kind:?}");
        self.rest.iter().any(|action| action.to_string() == name)
    }
}
