//! The protocol as a whole: what may happen next, and what must never.

use stateright::{Model, Property};

use crate::action::Action;
use crate::fault::Faults;
use crate::mutant::Mutant;
use crate::state::{Guard, READERS, ReaderAt, State, WRITERS, WriterAt};
use crate::{outbox, reader, writer};

/// What is checked: no answer is older than what was promised when its read began.
pub const NEVER_STALE: &str = "no acknowledged write is hidden by a stale entry";

/// Guarded generations, or one of its mutants, under faults.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// What may go wrong.
    pub faults: Faults,
    /// What is wrong with it; nothing with the real one.
    pub mutant: Option<Mutant>,
    /// Whether the two commands of a look-up travel on connections of their own, as they do to a cluster, and answer in any order.
    pub side_by_side: bool,
}

impl Protocol {
    /// Whether this one may begin: of those who do the same, the one with the lowest number goes first. Any other order is this one with
    /// other numbers.
    fn may_begin(self, earlier: impl DoubleEndedIterator<Item = bool>) -> bool {
        // Number 0 shares an environment, which tells it apart where Redis can be away.
        let apart = usize::from(self.faults.silences > 0);
        earlier.skip(apart).all(|has_begun| has_begun)
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.faults)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let at = |number: usize| state.readers[number].at;
        let may_be_served = |at| !matches!(at, ReaderAt::Missed { .. } | ReaderAt::Selected(_) | ReaderAt::Done);
        if state.stale.is_some() || !(0..READERS).any(|number| may_be_served(at(number))) {
            // Somebody was told something old, or nobody is left who could be.
            return;
        }
        for number in 0..READERS {
            if at(number) != ReaderAt::Start || self.may_begin((0..number).map(|other| at(other) != ReaderAt::Start)) {
                let steps = reader::steps(state, number, *self);
                actions.extend(steps.into_iter().map(|step| Action::Reader(number, step)));
            }
        }
        let at = |number: usize| state.writers[number].at;
        for number in 0..WRITERS {
            if at(number) != WriterAt::Start || self.may_begin((0..number).map(|other| at(other) != WriterAt::Start)) {
                let steps = writer::steps(state, number, self.mutant);
                actions.extend(steps.into_iter().map(|step| Action::Writer(number, step)));
            }
        }
        for drainer in self.faults.drainers() {
            actions.extend(outbox::steps(state, drainer, self.mutant).map(|step| Action::Drain(drainer, step)));
        }
        let awaits_commit = |number| at(number) == WriterAt::Begun && state.writers[number].marked;
        if matches!(state.guard, Guard::Marker { .. }) && !(0..WRITERS).any(awaits_commit) {
            actions.push(Action::Lapse);
        }
        if state.faults.evictions > 0 {
            actions.extend((state.guard != Guard::Absent).then_some(Action::EvictGuard));
            actions.extend(state.record.map(|_| Action::EvictRecord));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Reader(number, step) => reader::step(&mut state, number, step, self.mutant),
            Action::Writer(number, step) => writer::step(&mut state, number, step, self.mutant),
            Action::Drain(drainer, step) => outbox::step(&mut state, drainer, step, self.mutant),
            Action::Lapse => {
                state.forget_guard();
                // The database ends a statement long before its marker lapses.
                state.writers.iter_mut().filter(|writer| writer.marked).for_each(|writer| writer.late_commit = false);
            }
            Action::EvictGuard => {
                state.faults.evictions -= 1;
                state.forget_guard();
            }
            Action::EvictRecord => {
                state.faults.evictions -= 1;
                state.record = None;
            }
        }
        state.forget_what_is_settled();
        if self.mutant.is_none() {
            state.forget_what_cannot_be_served();
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_STALE, |_, state: &State| state.stale.is_none()),
            Property::sometimes("an answer comes from the cache", |_, state: &State| {
                state.readers.iter().any(|reader| match (reader.at, state.record) {
                    (ReaderAt::Observed { generation, .. }, Some(record)) => record.generation == generation,
                    _ => false,
                })
            }),
            Property::sometimes("what both writers have made is filled in", |_, state: &State| {
                state.record.is_some_and(|record| record.version == 3)
            }),
            Property::sometimes("writers share a marker", |_, state: &State| {
                matches!(state.guard, Guard::Marker { shared: true, .. })
            }),
            Property::sometimes("somebody is promised what both writers have made", |_, state: &State| {
                state.promised == 3 && state.readers.iter().any(|reader| reader.at == ReaderAt::Start)
            }),
        ]
    }
}
