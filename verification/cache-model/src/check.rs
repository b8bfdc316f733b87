//! Checks every state that the protocol can reach.

use std::num::NonZero;
use std::thread::available_parallelism;

use stateright::{Checker as _, HasDiscoveries, Model as _};

use crate::action::Action;
use crate::model::NEVER_STALE;
use crate::protocol::Protocol;
use crate::state::StaleRead;

impl Protocol {
    /// Visits the reachable states, the nearest ones first, until the promise is broken or no state
    /// is left.
    pub fn check(self) -> Outcome {
        // Several threads could find a different counter-example in each run.
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

/// The result of a check.
#[derive(Debug)]
pub struct Outcome {
    /// The number of reachable states. If the promise is broken, the number of states visited until
    /// then.
    pub states: usize,
    /// A short way to break the promise. For a mutant, each check finds the same one.
    pub counter_example: Option<CounterExample>,
    /// The situations that the check should have reached and did not. If there is one, the check
    /// covered too little.
    pub unreached: Vec<&'static str>,
}

/// A way to break the promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterExample {
    /// The actions, from the first state on.
    pub path: Vec<Action>,
    /// The stale read at the end of `path`.
    pub stale: StaleRead,
}
