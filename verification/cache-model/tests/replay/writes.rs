//! The writes of a path: the versions that they create, and their progress.

use cache_model::action::{Action, WriterStep};

/// The version of the profile before any write.
const INITIAL: u32 = 1;

/// Returns the writes of a path by the numbers of their writers. The first commit creates version
/// 2, and so on.
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
    // The path does not commit these writes, but they may commit after its end.
    for write in writes.iter_mut().filter(|write| write.version == 0) {
        last += 1;
        write.version = last;
    }
    writes
}

/// Returns the oldest version that a read may return if it begins now.
pub(crate) fn promised<'a>(writes: impl Iterator<Item = &'a Write>) -> u32 {
    writes.map(|write| write.version).max().unwrap_or(INITIAL)
}

/// A write, including its repetitions by the client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Write {
    /// The version that the write creates. The statement is sent before the order of the commits is
    /// known, so the path determines the version.
    pub(crate) version: u32,
    /// Whether the write has begun and not ended.
    pub(crate) is_running: bool,
    /// The nonce of its last announcement.
    pub(crate) nonce: Vec<u8>,
    /// Whether its announcement got no reply.
    pub(crate) unmarked: bool,
    /// The row of the outbox that replaces the announcement.
    pub(crate) row: Option<i64>,
    pub(crate) committed: bool,
    pub(crate) rolled_back: bool,
    pub(crate) acknowledged: bool,
    pub(crate) crashed: bool,
    /// Whether it was committed when its client sent it again.
    pub(crate) committed_before_retry: bool,
    /// Whether Redis has confirmed that no generation from before its commit is live.
    pub(crate) cleared: bool,
    /// Whether its marker was cleared before its statement was delivered.
    pub(crate) cleared_early: bool,
}

impl Write {
    /// Returns whether the statement may still commit while its marker is set.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_running && !self.unmarked && !self.committed && !self.rolled_back && !self.crashed
    }

    /// Returns whether every read that begins now must see the write. `rows` are the rows of the
    /// outbox. While the write's own row is among them, the write is promised only to its own
    /// environment.
    pub(crate) fn is_promised(&self, rows: &[i64], to_own_environment: bool) -> bool {
        let has_ended = self.acknowledged || self.crashed || self.committed_before_retry;
        let is_settled = has_ended && self.row.is_none_or(|row| !rows.contains(&row));
        self.committed && (is_settled || self.cleared || self.acknowledged && to_own_environment)
    }
}
