//! What was promised to whom, and what was answered.

/// Somebody who reads when all is over.
pub(crate) const LATER: usize = usize::MAX;

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
    /// Whether somebody got as much as was promised elsewhere: by himself, or, where that may take a minute, whoever came later.
    pub(crate) fn makes_good(&self, promised: u32, reader: usize) -> bool {
        let has_read = |number| self.reads.iter().any(|read| read.reader == number && read.answered >= promised);
        let took_part = self.reads.iter().any(|read| read.reader == reader);
        !self.is_stale() && took_part && (has_read(reader) || has_read(LATER))
    }

    /// Whether somebody got less than was promised.
    pub(crate) fn is_stale(&self) -> bool {
        self.reads.iter().any(|read| read.answered < read.promised)
    }
}
