//! Random walks through the model. The real code performs every step of them and returns the same
//! versions.

use cache_model::action::{Action, Drainer, ReaderStep};
use cache_model::fault::Faults;
use cache_model::protocol::Protocol;
use cache_model::state::{DrainPhase, ReaderPhase, State, WriterPhase};
use stateright::Model as _;

use crate::replay::follow;

/// The number of walks for each kind of fault.
const WALKS: u64 = 20;
/// The maximum length of a walk. The outbox could be drained without end.
const MAX_STEPS: usize = 60;

#[test]
fn the_real_code_follows_every_random_walk_through_the_model() {
    for (name, faults) in Faults::TOLERATED {
        for seed in 0..WALKS {
            let (path, answers) = random_walk(Protocol { faults, mutant: None, separate_connections: false }, seed);
            let history = follow(&path);
            assert!(!history.is_stale(), "{name}, walk {seed}: {path:?}: {history:?}");
            let answered: Vec<_> = history.reads.iter().map(|read| (read.reader, read.answered)).collect();
            assert_eq!(answered, answers, "{name}, walk {seed}: {path:?}");
        }
    }
}

/// Returns a path, and the version that each reader gets on it.
fn random_walk(protocol: Protocol, seed: u64) -> (Vec<Action>, Vec<(usize, u32)>) {
    let mut state = State::new(protocol.faults);
    let (mut path, mut answers, mut actions, mut random) = (Vec::new(), Vec::new(), Vec::new(), seed);
    while path.len() < MAX_STEPS {
        actions.clear();
        protocol.actions(&state, &mut actions);
        if protocol.faults.timeouts > 0 {
            actions.retain(|action| can_use_connection(&state, *action));
        }
        // A linear congruential generator (Knuth's MMIX), which gives the same walks in every run.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let Some(index) = (random >> 33).checked_rem(actions.len() as u64) else { break };
        let action = actions[index as usize];
        let Some(next) = protocol.next_state(&state, action) else { break };
        if let Action::Reader(reader, step) = action {
            let answered = match (step, next.readers[reader].phase) {
                (ReaderStep::Get, ReaderPhase::Done) => state.record.map(|record| record.version),
                (ReaderStep::Select, _) => Some(state.database),
                _ => None,
            };
            answers.extend(answered.map(|version| (reader, version.into())));
        }
        state = next;
        path.push(action);
    }
    (path, answers)
}

/// Returns whether the shared environment's connection to Redis is free for an action. On one
/// connection, each reply waits for the replies before it. The model has no connections.
fn can_use_connection(state: &State, action: Action) -> bool {
    // A fill uses the existing connection, or is not sent at all.
    let is_reading = !matches!(state.readers[0].phase, ReaderPhase::Start | ReaderPhase::Done);
    let is_looking_up = matches!(state.readers[0].phase, ReaderPhase::Observed { .. });
    let is_ending = matches!(state.writers[0].phase, WriterPhase::Committed | WriterPhase::RolledBack);
    let is_invalidating = matches!(state.drains[Drainer::Environment as usize], DrainPhase::Pending { .. });
    match action {
        Action::Reader(0, _) => !is_ending && !is_invalidating,
        Action::Writer(0, _) => !is_reading && !is_invalidating,
        Action::Drain(Drainer::Environment, _) => !is_looking_up && !is_ending,
        _ => true,
    }
}
