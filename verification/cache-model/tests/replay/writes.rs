//! The writes of a path: which versions they make, and how far they have come.

use cache_model::action::{Action, WriterStep};

/// What the profile holds before anybody writes.
const INITIAL: u32 = 1;

/// One write, however often its client sends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Write {
    /// The number of commits up to its own. Its statement is sent before it is known to be the next, so the path tells.
    pub(crate) version: u32,
    /// Whether it was sent and has no end yet.
    pub(crate) is_under_way: bool,
    /// What it was announced with last.
    pub(crate) nonce: Vec<u8>,
    /// Whether nothing was heard of its announcement.
    pub(crate) unmarked: bool,
    /// The row of the outbox that stands in for the announcement.
    pub(crate) row: Option<i64>,
    pub(crate) committed: bool,
    pub(crate) refused: bool,
    pub(crate) acknowledged: bool,
    pub(crate) crashed: bool,
    /// Whether it was committed when its client sent it again.
    pub(crate) was_done: bool,
    /// Whether Redis has answered that nothing from before its commit lives any more.
    pub(crate) cleared: bool,
    /// Whether its marker was cleared before its statement was let pass.
    pub(crate) cleared_early: bool,
}

impl Write {
    /// Whether its statement may still commit, behind a marker that says so.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_under_way && !self.unmarked && !self.committed && !self.refused && !self.crashed
    }

    /// Whether everybody has to see it who asks from now on. `rows` are those in the outbox: until its own has left, what it has changed is
    /// only promised to its own environment.
    pub(crate) fn is_promised(&self, rows: &[i64], to_own_environment: bool) -> bool {
        let is_over = self.acknowledged || self.crashed || self.was_done;
        let is_settled = is_over && self.row.is_none_or(|row| !rows.contains(&row));
        self.committed && (is_settled || self.cleared || self.acknowledged && to_own_environment)
    }
}

/// What somebody who begins to read must get, at least.
pub(crate) fn promise<'a>(writes: impl Iterator<Item = &'a Write>) -> u32 {
    writes.map(|write| write.version).max().unwrap_or(INITIAL)
}

/// The writes of a path by their writers. The first commit makes the second version, and so on.
pub(crate) fn of(path: &[Action]) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    let mut last = INITIAL;
    for action in path {
        let Action::Writer(number, step) = *action else { continue };
        writes.resize(writes.len().max(number + 1), Write::default());
        let commits = matches!(step, WriterStep::Commit | WriterStep::LateCommit);
        if commits && writes[number].version == 0 {
            last += 1;
            writes[number].version = last;
        }
    }
    // Those that the path leaves open, if they come about in the end.
    for write in writes.iter_mut().filter(|write| write.version == 0) {
        last += 1;
        write.version = last;
    }
    writes
}
