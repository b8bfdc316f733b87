//! Mutants of the protocol. Each one looks correct but lacks one part of the real protocol.

use crate::fault::Faults;

/// The defect of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// A write is not announced. The generation is still dropped after the commit.
    NoMarker,
    /// Overlapping writers replace each other's marker, as if there were only one writer.
    NoSharedMarker,
    /// Generations are incremented after each write instead of drawn at random.
    CountingGeneration,
    /// A reader mistakes a marker for a generation: it serves and fills under it.
    FillUnderMarker,
    /// A writer clears any marker.
    ClearForeignMarker,
    /// The marker is cleared before the statement commits.
    ClearBeforeCommit,
    /// A writer clears only its own marker and leaves a generation that has become live since.
    LeaveLiveGeneration,
    /// A writer that does not learn the outcome of its statement clears its marker.
    ClearWhenUnknown,
    /// A lookup that is sent again proposes the same generation.
    SameProposal,
    /// A write that could not be announced leaves no row in the outbox.
    NoOutbox,
    /// The rows of the outbox are deleted before their guards are dropped.
    DoneBeforeInvalidate,
    /// A writer that could not announce its write does not drop the generation after the commit
    /// either.
    NoEndWhenUnmarked,
    /// Draining the outbox clears markers, too.
    InvalidateClearsMarker,
    /// Draining the outbox also settles the failures that occurred in the meantime.
    DrainSettlesLaterFailures,
    /// An environment that could not reach Redis trusts it again at once.
    TrustWhileBehind,
    /// A lookup checks whether its environment is behind only after Redis has replied. By then
    /// another request may have drained the outbox.
    CheckBehindTooLate,
}

impl Mutant {
    /// Every mutant, in the order of declaration.
    pub const ALL: [Self; 16] = [
        Self::NoMarker,
        Self::NoSharedMarker,
        Self::CountingGeneration,
        Self::FillUnderMarker,
        Self::ClearForeignMarker,
        Self::ClearBeforeCommit,
        Self::LeaveLiveGeneration,
        Self::ClearWhenUnknown,
        Self::SameProposal,
        Self::NoOutbox,
        Self::DoneBeforeInvalidate,
        Self::NoEndWhenUnmarked,
        Self::InvalidateClearsMarker,
        Self::DrainSettlesLaterFailures,
        Self::TrustWhileBehind,
        Self::CheckBehindTooLate,
    ];

    /// The faults under which the check finds a counter-example.
    pub fn faults(self) -> Faults {
        match self {
            Self::ClearBeforeCommit => Faults::NONE,
            Self::CountingGeneration | Self::LeaveLiveGeneration => Faults::EVICTION,
            Self::NoMarker
            | Self::NoSharedMarker
            | Self::FillUnderMarker
            | Self::ClearForeignMarker
            | Self::ClearWhenUnknown => Faults::CRASH,
            Self::SameProposal => Faults::RESEND,
            Self::NoOutbox
            | Self::DoneBeforeInvalidate
            | Self::NoEndWhenUnmarked
            | Self::InvalidateClearsMarker
            | Self::TrustWhileBehind => Faults::MONITOR_DRAINS,
            Self::DrainSettlesLaterFailures | Self::CheckBehindTooLate => Faults::ENVIRONMENT_DRAINS,
        }
    }
}
