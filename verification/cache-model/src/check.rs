//! Goes through everything that can happen.

use std::num::NonZero;
use std::thread::available_parallelism;

use stateright::{Checker as _, HasDiscoveries, Model as _};

use crate::action::Action;
use crate::protocol::{NEVER_STALE, Protocol};
use crate::state::Stale;

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// How many states there are, or were seen until the promise was broken.
    pub states: usize,
    /// A short way to break the promise; with a mutant the same one each time.
    pub counter_example: Option<CounterExample>,
    /// What must be possible and never happened, so that little was tried.
    pub unreached: Vec<&'static str>,
}

/// A way to break the promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterExample {
    /// What happens.
    pub path: Vec<Action>,
    /// What comes of it.
    pub stale: Stale,
}

impl Protocol {
    /// Visits every state, the nearest ones first, until the promise is broken or none is left.
    pub fn check(self) -> Outcome {
        // With several threads the first counter-example that is found may be another one each time.
        let threads = if self.mutant.is_some() { 1 } else { available_parallelism().map_or(1, NonZero::get) };
        let checked = self.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let mut discoveries = checked.discoveries();
        let counter_example = discoveries.remove(NEVER_STALE).and_then(|path| {
            let stale = path.last_state().stale?;
            Some(CounterExample { path: path.into_actions(), stale })
        });
        let possible = self.properties().into_iter().map(|property| property.name).filter(|name| *name != NEVER_STALE);
        Outcome {
            states: checked.unique_state_count(),
            counter_example,
            unreached: possible.filter(|name| !discoveries.contains_key(name)).collect(),
        }
    }
}
