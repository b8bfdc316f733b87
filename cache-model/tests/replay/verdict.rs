//! What was promised to whom, and what was answered.

/// One read that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) reader: usize,
    /// The highest version that was settled when the read began.
    pub(crate) promised: u32,
    pub(crate) answered: u32,
}

/// What came of a path, in the order in which the reads ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reads: Vec<Read>,
}

impl Verdict {
    /// Whether somebody got less than was promised.
    pub(crate) fn is_stale(&self) -> bool {
        self.reads.iter().any(|read| read.answered < read.promised)
    }
}
