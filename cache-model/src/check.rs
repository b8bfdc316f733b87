//! Goes through everything that can happen.

use std::num::NonZero;
use std::thread::available_parallelism;

use stateright::{Checker as _, HasDiscoveries, Model as _};

use crate::action::Action;
use crate::protocol::{NEVER_STALE, Protocol};

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// How many states there are, or were seen until the promise was broken.
    pub states: usize,
    /// A shortest way to break the promise. Always the same one.
    pub counter_example: Option<Vec<Action>>,
    /// What must be possible and never happened, so that little was tried.
    pub unreached: Vec<&'static str>,
}

impl Protocol {
    /// Visits every state, the nearest ones first, until the promise is broken or none is left.
    pub fn check(self) -> Outcome {
        // With several threads the first counter-example that is found may be another one each time.
        let threads = if self.mutant.is_some() { 1 } else { available_parallelism().map_or(1, NonZero::get) };
        let checked = self.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let mut discoveries = checked.discoveries();
        let counter_example = discoveries.remove(NEVER_STALE).map(stateright::Path::into_actions);
        let possible = self.properties().into_iter().map(|property| property.name).filter(|name| *name != NEVER_STALE);
        Outcome {
            states: checked.unique_state_count(),
            counter_example,
            unreached: possible.filter(|name| !discoveries.contains_key(name)).collect(),
        }
    }
}
