//! Protocols that look right, each without one of the parts of the real one.

use crate::fault::Faults;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// A write is not announced; the generation is dropped after the commit.
    NoMarker,
    /// Overlapping writers replace each other's marker, as if each were alone.
    NoSharedMarker,
    /// Generations are counted up after each write rather than drawn at random.
    CountingGeneration,
    /// A reader takes a marker for a generation: it serves and fills under it.
    FillUnderMarker,
    /// A writer clears whatever marker is there.
    ClearForeignMarker,
    /// The marker is cleared before the statement commits.
    ClearBeforeCommit,
    /// A writer clears its own marker alone, and leaves a generation that has come to life since.
    LeaveLiveGeneration,
    /// A writer that does not learn how its statement ended clears its marker.
    ClearWhenOpen,
    /// A look-up that is sent again proposes the same generation.
    SameProposal,
    /// A write that could not be announced leaves nothing behind.
    NoOutbox,
    /// The rows of the outbox are deleted before their guards are dropped.
    DoneBeforeInvalidate,
    /// A writer that could not announce its write does not drop the generation after the commit either.
    NoEndWhenUnmarked,
    /// Whoever finishes the outbox clears markers, too.
    InvalidateClearsMarker,
    /// Whoever finishes the outbox takes what has failed in the meantime for made good, too.
    SettleWhatFailedSince,
    /// An environment that could not reach Redis trusts it again at once.
    TrustWhileBehind,
    /// A look-up asks whether its environment is behind when Redis has answered, by which time another one may have caught up.
    AskLateWhetherBehind,
}

impl Mutant {
    /// All that there are.
    pub const ALL: [Self; 16] = [
        Self::NoMarker,
        Self::NoSharedMarker,
        Self::CountingGeneration,
        Self::FillUnderMarker,
        Self::ClearForeignMarker,
        Self::ClearBeforeCommit,
        Self::LeaveLiveGeneration,
        Self::ClearWhenOpen,
        Self::SameProposal,
        Self::NoOutbox,
        Self::DoneBeforeInvalidate,
        Self::NoEndWhenUnmarked,
        Self::InvalidateClearsMarker,
        Self::SettleWhatFailedSince,
        Self::TrustWhileBehind,
        Self::AskLateWhetherBehind,
    ];

    /// The faults under which it is caught.
    pub fn faults(self) -> Faults {
        match self {
            Self::ClearBeforeCommit => Faults::NONE,
            Self::CountingGeneration | Self::LeaveLiveGeneration => Faults::EVICTION,
            Self::NoMarker
            | Self::NoSharedMarker
            | Self::FillUnderMarker
            | Self::ClearForeignMarker
            | Self::ClearWhenOpen => Faults::CRASH,
            Self::SameProposal => Faults::REPETITION,
            Self::NoOutbox
            | Self::DoneBeforeInvalidate
            | Self::NoEndWhenUnmarked
            | Self::InvalidateClearsMarker
            | Self::TrustWhileBehind => Faults::MONITOR,
            Self::SettleWhatFailedSince | Self::AskLateWhetherBehind => Faults::CATCHING_UP,
        }
    }
}
