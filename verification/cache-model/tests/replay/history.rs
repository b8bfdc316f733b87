//! The reads of a replay: the version promised to each read, and the version that it returned.

/// The number of the reader that reads after all other participants have ended.
pub(crate) const LAST_READER: usize = usize::MAX;

/// The reads of a replay, in the order in which they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) reads: Vec<Read>,
}

/// One read that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) reader: usize,
    /// The highest version that was settled when the read began.
    pub(crate) promised: u32,
    pub(crate) answered: u32,
}

impl History {
    /// Returns whether the real protocol returned the version that a mutant failed to return. It
    /// must return it to the same reader or, where a delay of a minute is allowed, to the last
    /// reader.
    pub(crate) fn keeps_promise(&self, promised: u32, reader: usize) -> bool {
        let has_read = |number| self.reads.iter().any(|read| read.reader == number && read.answered >= promised);
        let took_part = self.reads.iter().any(|read| read.reader == reader);
        !self.is_stale() && took_part && (has_read(reader) || has_read(LAST_READER))
    }

    /// Returns whether a read returned an older version than it was promised.
    pub(crate) fn is_stale(&self) -> bool {
        self.reads.iter().any(|read| read.answered < read.promised)
    }
}
