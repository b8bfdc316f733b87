//! Ways through the model at random: what it says can happen, the real code does, and with the same answers.

use cache_model::action::{Action, Drainer, ReaderStep};
use cache_model::fault::Faults;
use cache_model::protocol::Protocol;
use cache_model::state::{Drain, ReaderAt, State, WriterAt};
use stateright::Model as _;

use crate::replay::follow;

/// For each kind of fault.
const WALKS: u64 = 20;
/// Whoever finishes the outbox may do so for ever.
const LONGEST: usize = 60;

#[test]
fn the_real_code_goes_every_way_of_the_model_that_is_tried() {
    for (name, faults) in Faults::SINGLE {
        for seed in 0..WALKS {
            let (path, answers) = walk(Protocol { faults, mutant: None, side_by_side: false }, seed);
            let verdict = follow(&path);
            assert!(!verdict.is_stale(), "{name}, walk {seed}: {path:?}: {verdict:?}");
            let answered: Vec<_> = verdict.reads.iter().map(|read| (read.reader, read.answered)).collect();
            assert_eq!(answered, answers, "{name}, walk {seed}: {path:?}");
        }
    }
}

/// A way, and who got which version on it.
fn walk(protocol: Protocol, seed: u64) -> (Vec<Action>, Vec<(usize, u32)>) {
    let mut state = State::new(protocol.faults);
    let (mut path, mut answers, mut actions, mut random) = (Vec::new(), Vec::new(), Vec::new(), seed);
    while path.len() < LONGEST {
        actions.clear();
        protocol.actions(&state, &mut actions);
        if protocol.faults.silences > 0 {
            actions.retain(|action| may_use_the_connection(&state, *action));
        }
        // A linear congruential generator (Knuth's MMIX): the same walks each time.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let Some(index) = (random >> 33).checked_rem(actions.len() as u64) else { break };
        let action = actions[index as usize];
        let Some(next) = protocol.next_state(&state, action) else { break };
        if let Action::Reader(reader, step) = action {
            let answered = match (step, next.readers[reader].at) {
                (ReaderStep::Get, ReaderAt::Done) => state.record.map(|record| record.version),
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

/// On the connection that an environment has to Redis, nobody is answered before those who have asked before. The model knows no connections.
fn may_use_the_connection(state: &State, action: Action) -> bool {
    // A record is sent on the connection that there is, or not at all.
    let reads = !matches!(state.readers[0].at, ReaderAt::Start | ReaderAt::Done);
    let looks_up = matches!(state.readers[0].at, ReaderAt::Observed { .. });
    let ends = matches!(state.writers[0].at, WriterAt::Committed | WriterAt::Refused);
    let invalidates = matches!(state.drains[Drainer::Environment as usize], Drain::Pending { .. });
    match action {
        Action::Reader(0, _) => !ends && !invalidates,
        Action::Writer(0, _) => !reads && !invalidates,
        Action::Drain(Drainer::Environment, _) => !looks_up && !ends,
        _ => true,
    }
}
