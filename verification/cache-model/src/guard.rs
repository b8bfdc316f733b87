//! The guard key, and the effects of the scripts and commands of `cache::guard` on it.

use crate::mutant::Mutant;
use crate::state::{Generation, Guard, Nonce, State};

impl State {
    /// Executes `SET guard g… NX GET`, as `guard::observe` sends it, and interprets the reply like
    /// `guard::state`.
    pub(crate) fn observe(&mut self, mut proposed: Generation, mutant: Option<Mutant>) -> Observed {
        if mutant == Some(Mutant::CountingGeneration) {
            proposed = Generation(1);
        }
        match self.guard {
            Guard::Absent => {
                self.guard = Guard::Live(proposed);
                self.counter = 1;
                Observed::Live(proposed)
            }
            Guard::Live(generation) => Observed::Live(generation),
            Guard::Marker { nonce, shared } if mutant == Some(Mutant::FillUnderMarker) => {
                Observed::Live(Generation(if shared { 32 } else { 16 } + nonce.0))
            }
            Guard::Marker { .. } => Observed::Pending,
        }
    }

    /// Executes the script `BEGIN`.
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

    /// Executes the script `END`. Without a nonce, this is the command of `Cache::invalidate`.
    pub(crate) fn drop_generation(&mut self, nonce: Option<Nonce>, mutant: Option<Mutant>) {
        let drops = match self.guard {
            Guard::Absent => false,
            Guard::Live(_) => mutant != Some(Mutant::LeaveLiveGeneration) || nonce.is_none(),
            Guard::Marker { nonce: own, shared } => {
                (!shared && nonce == Some(own))
                    || (mutant == Some(Mutant::ClearForeignMarker) && nonce.is_some())
                    || (mutant == Some(Mutant::InvalidateClearsMarker) && nonce.is_none())
            }
        };
        match mutant {
            Some(Mutant::CountingGeneration) if drops => {
                self.counter += 1;
                self.guard = Guard::Live(Generation(self.counter));
            }
            _ if drops => self.delete_guard(),
            _ => {}
        }
    }

    /// Deletes the guard, which is evicted or dropped, or expires.
    pub(crate) fn delete_guard(&mut self) {
        self.guard = Guard::Absent;
        self.counter = 0;
    }
}

/// The state of the guard that a reader has observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observed {
    /// This generation is live.
    Live(Generation),
    /// A write is in progress.
    Pending,
}
