//! The protocol as a state machine: the actions that are possible in a state, and the properties
//! that every state must have.

use stateright::{Model, Property};

use crate::action::Action;
use crate::protocol::Protocol;
use crate::state::{Guard, READERS, ReaderPhase, State, WRITERS, WriterPhase};
use crate::{outbox, reader, writer};

/// The name of the checked property: no response is older than what was promised when its read
/// began.
pub(crate) const NEVER_STALE: &str = "no acknowledged write is hidden by a stale entry";

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.faults)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let phase = |number: usize| state.readers[number].phase;
        let may_hit =
            |phase| !matches!(phase, ReaderPhase::Missed { .. } | ReaderPhase::Selected(_) | ReaderPhase::Done);
        if state.stale.is_some() || !(0..READERS).any(|number| may_hit(phase(number))) {
            // A stale response was served, or no reader is left that the cache could serve.
            return;
        }
        for number in 0..READERS {
            if phase(number) != ReaderPhase::Start
                || self.may_begin((0..number).map(|other| phase(other) != ReaderPhase::Start))
            {
                let steps = reader::steps(state, number, *self);
                actions.extend(steps.into_iter().map(|step| Action::Reader(number, step)));
            }
        }
        let phase = |number: usize| state.writers[number].phase;
        for number in 0..WRITERS {
            if phase(number) != WriterPhase::Start
                || self.may_begin((0..number).map(|other| phase(other) != WriterPhase::Start))
            {
                let steps = writer::steps(state, number, self.mutant);
                actions.extend(steps.into_iter().map(|step| Action::Writer(number, step)));
            }
        }
        for drainer in self.faults.drainers() {
            actions.extend(outbox::steps(state, drainer, self.mutant).map(|step| Action::Drain(drainer, step)));
        }
        let awaits_commit = |number| phase(number) == WriterPhase::Begun && state.writers[number].marked;
        if matches!(state.guard, Guard::Marker { .. }) && !(0..WRITERS).any(awaits_commit) {
            actions.push(Action::ExpireMarker);
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
            Action::ExpireMarker => {
                state.delete_guard();
                // The database ends a statement long before its marker expires.
                state.writers.iter_mut().filter(|writer| writer.marked).for_each(|writer| writer.late_commit = false);
            }
            Action::EvictGuard => {
                state.faults.evictions -= 1;
                state.delete_guard();
            }
            Action::EvictRecord => {
                state.faults.evictions -= 1;
                state.record = None;
            }
        }
        state.forget_history();
        if self.mutant.is_none() {
            state.forget_unservable_record();
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_STALE, |_, state: &State| state.stale.is_none()),
            Property::sometimes("a response comes from the cache", |_, state: &State| {
                state.readers.iter().any(|reader| match (reader.phase, state.record) {
                    (ReaderPhase::Observed { generation, .. }, Some(record)) => record.generation == generation,
                    _ => false,
                })
            }),
            Property::sometimes("the version after both writes is filled", |_, state: &State| {
                state.record.is_some_and(|record| record.version == 3)
            }),
            Property::sometimes("writers share a marker", |_, state: &State| {
                matches!(state.guard, Guard::Marker { shared: true, .. })
            }),
            Property::sometimes("a reader is promised the version after both writes", |_, state: &State| {
                state.promised == 3 && state.readers.iter().any(|reader| reader.phase == ReaderPhase::Start)
            }),
        ]
    }
}

impl Protocol {
    /// Returns whether a reader or a writer may begin. Participants that behave alike begin in the
    /// order of their numbers, because any other order is the same run with other numbers.
    fn may_begin(self, earlier: impl DoubleEndedIterator<Item = bool>) -> bool {
        // Reader 0 and writer 0 share an environment. That makes a difference if Redis can be
        // unreachable.
        let distinct = usize::from(self.faults.timeouts > 0);
        earlier.skip(distinct).all(|has_begun| has_begun)
    }
}
