//! The event counts of a run.

use serde::Serialize;

/// The number of events of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Reads that got a response, which was checked.
    pub reads: u64,
    /// Reads that got no response or a server error.
    pub failed_reads: u64,
    /// Reads whose response came from the cache.
    pub hits: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Attempts to write that were not acknowledged.
    pub failed_writes: u64,
    /// Sign-outs that were acknowledged.
    pub sign_outs: u64,
    /// Attempts to sign out that were not acknowledged.
    pub failed_sign_outs: u64,
    /// Requests that were rejected because their session had ended.
    pub rejections: u64,
    /// Stale responses within the documented bound. They hide writes that could not be announced to
    /// Redis.
    pub within_bound: u64,
    /// Responses that violate a guarantee.
    pub violations: u64,
    /// Responses that are neither a success nor an expected error.
    pub unexpected: u64,
}

impl Counts {
    /// Returns whether the reads, hits, writes, sign-outs and rejections are at least as many as in
    /// `minimum`.
    pub fn covers(&self, minimum: &Self) -> bool {
        self.reads >= minimum.reads
            && self.hits >= minimum.hits
            && self.writes >= minimum.writes
            && self.sign_outs >= minimum.sign_outs
            && self.rejections >= minimum.rejections
    }
}
