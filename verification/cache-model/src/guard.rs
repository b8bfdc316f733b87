//! The guard key: what the scripts and commands of `shared::cache::guard` do to it.

use crate::mutant::Mutant;
use crate::state::{Generation, Guard, Nonce, State};

/// What a reader learns from the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observed {
    /// This generation lives.
    Live(Generation),
    /// A write is under way.
    Pending,
}

impl State {
    /// `SET guard g… NX GET`: `guard::observe` and `guard::state`.
    pub(crate) fn observe(&mut self, mut proposed: Generation, mutant: Option<Mutant>) -> Observed {
        if mutant == Some(Mutant::CountingGeneration) {
            proposed = Generation(1);
        }
        match self.guard {
            Guard::Absent => {
                self.guard = Guard::Live(proposed);
                self.counted = 1;
                Observed::Live(proposed)
            }
            Guard::Live(generation) => Observed::Live(generation),
            Guard::Marker { nonce, shared } if mutant == Some(Mutant::FillUnderMarker) => {
                Observed::Live(Generation(if shared { 32 } else { 16 } + nonce.0))
            }
            Guard::Marker { .. } => Observed::Pending,
        }
    }

    /// The script `BEGIN`.
    pub(crate) fn mark(&mut self, nonce: Nonce, mutant: Option<Mutant>) {
        let shared = match self.guard {
            Guard::Marker { nonce: other, shared } => shared || other != nonce,
            _ => false,
        };
        match mutant {
            Some(Mutant::NoMarker) => {}
            Some(Mutant::NoSharedMarker) => self.guard = Guard::Marker { nonce, shared: false },
            _ => self.guard = Guard::Marker { nonce, shared },
        }
    }

    /// The script `END`; without a nonce what `Cache::invalidate` sends.
    pub(crate) fn drop_generation(&mut self, nonce: Option<Nonce>, mutant: Option<Mutant>) {
        let drops = match self.guard {
            Guard::Absent => false,
            Guard::Live(_) => mutant != Some(Mutant::LeaveLiveGeneration) || nonce.is_none(),
            Guard::Marker { nonce: mine, shared } => {
                (!shared && nonce == Some(mine))
                    || (mutant == Some(Mutant::ClearForeignMarker) && nonce.is_some())
                    || (mutant == Some(Mutant::InvalidateClearsMarker) && nonce.is_none())
            }
        };
        match mutant {
            Some(Mutant::CountingGeneration) if drops => {
                self.counted += 1;
                self.guard = Guard::Live(Generation(self.counted));
            }
            _ if drops => self.forget_guard(),
            _ => {}
        }
    }

    /// The key is no more: evicted, dropped, or its time is over.
    pub(crate) fn forget_guard(&mut self) {
        self.guard = Guard::Absent;
        self.counted = 0;
    }
}
