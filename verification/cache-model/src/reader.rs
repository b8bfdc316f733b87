//! `authenticated::cached_read`, which looks the record up in the cache and queries the database if
//! the cache has nothing to serve.

use crate::action::ReaderStep;
use crate::guard::Observed;
use crate::mutant::Mutant;
use crate::protocol::Protocol;
use crate::state::{Generation, READERS, ReadContext, ReaderPhase, Record, StaleRead, State};

/// Returns the steps that a reader may take next.
pub(crate) fn steps(state: &State, reader: usize, protocol: Protocol) -> Vec<ReaderStep> {
    let mut steps = match state.readers[reader].phase {
        ReaderPhase::Start if reader == 0 && checks_whether_behind(protocol) => vec![ReaderStep::IsBehind],
        ReaderPhase::Start | ReaderPhase::Begun(_) if protocol.separate_connections => {
            vec![ReaderStep::Observe, ReaderStep::Get]
        }
        ReaderPhase::Start | ReaderPhase::Begun(_) | ReaderPhase::Got { .. } => vec![ReaderStep::Observe],
        ReaderPhase::Observed { .. } => vec![ReaderStep::Get],
        ReaderPhase::Missed { .. } => vec![ReaderStep::Select],
        ReaderPhase::Selected(_) => vec![ReaderStep::Fill],
        ReaderPhase::Done => vec![],
    };
    if state.faults.resends > 0 && steps.contains(&ReaderStep::Observe) {
        steps.push(ReaderStep::ObserveAgain);
    }
    if state.readers[reader].late_observe.is_some() {
        steps.push(ReaderStep::LateObserve);
    }
    steps
}

/// Performs a step of a reader.
pub(crate) fn step(state: &mut State, reader: usize, step: ReaderStep, mutant: Option<Mutant>) {
    let number = u8::try_from(reader).unwrap_or(u8::MAX);
    let [first, second] = [number, number + READERS as u8].map(Generation);
    match step {
        ReaderStep::IsBehind => state.readers[reader].phase = ReaderPhase::Begun(begin(state, reader, mutant)),
        ReaderStep::Observe => observe(state, reader, first, mutant),
        ReaderStep::ObserveAgain => {
            state.faults.resends -= 1;
            state.readers[reader].late_observe = Some(first);
            observe(state, reader, if mutant == Some(Mutant::SameProposal) { first } else { second }, mutant);
        }
        ReaderStep::LateObserve => {
            if let Some(proposed) = state.readers[reader].late_observe.take() {
                state.observe(proposed, mutant);
            }
        }
        ReaderStep::Get => {
            let record = state.record;
            state.readers[reader].phase = match state.readers[reader].phase {
                ReaderPhase::Observed { context, generation } => {
                    open(state, reader, context, generation, record, mutant)
                }
                ReaderPhase::Begun(context) => ReaderPhase::Got { context, record },
                _ => ReaderPhase::Got { context: begin(state, reader, mutant), record },
            };
        }
        ReaderStep::Select => {
            state.readers[reader].phase = match state.readers[reader].phase {
                ReaderPhase::Missed { fills: Some(generation) } => {
                    ReaderPhase::Selected(Record { generation, version: state.database })
                }
                _ => ReaderPhase::Done,
            };
        }
        ReaderStep::Fill => {
            if let ReaderPhase::Selected(record) = state.readers[reader].phase {
                state.record = Some(record);
            }
            state.readers[reader].phase = ReaderPhase::Done;
        }
    }
}

/// Returns the version that a read is promised if it begins now, and whether it will trust the
/// cache.
fn begin(state: &State, reader: usize, mutant: Option<Mutant>) -> ReadContext {
    if reader != 0 {
        return ReadContext { promised: state.promised, trusts_cache: true };
    }
    ReadContext {
        // A read also sees the writes that its own environment has acknowledged.
        promised: state.promised.max(state.environment.acknowledged),
        trusts_cache: trusts_blindly(mutant) || !state.environment.is_behind(),
    }
}

/// Performs the first half of `Cache::read`: the reply for the guard arrives, before or after the
/// record.
fn observe(state: &mut State, reader: usize, proposed: Generation, mutant: Option<Mutant>) {
    let (context, got) = match state.readers[reader].phase {
        ReaderPhase::Got { context, record } => (context, Some(record)),
        ReaderPhase::Begun(context) => (context, None),
        _ => (begin(state, reader, mutant), None),
    };
    state.readers[reader].phase = match (state.observe(proposed, mutant), got) {
        (Observed::Live(generation), None) if context.trusts_cache => ReaderPhase::Observed { context, generation },
        (Observed::Live(generation), Some(record)) if context.trusts_cache => {
            open(state, reader, context, generation, record, mutant)
        }
        _ => ReaderPhase::Missed { fills: None },
    };
}

/// Performs the second half of `Cache::read`, after both replies have arrived. Only a record of the
/// observed generation can be opened.
fn open(
    state: &mut State,
    reader: usize,
    context: ReadContext,
    generation: Generation,
    record: Option<Record>,
    mutant: Option<Mutant>,
) -> ReaderPhase {
    if mutant == Some(Mutant::CheckBehindTooLate) && reader == 0 && state.environment.is_behind() {
        return ReaderPhase::Missed { fills: None };
    }
    match record {
        Some(record) if record.generation == generation => {
            if record.version < context.promised {
                state.stale = Some(StaleRead { reader, promised: context.promised, answered: record.version });
            }
            ReaderPhase::Done
        }
        _ => ReaderPhase::Missed { fills: Some(generation) },
    }
}

/// Returns whether an environment may be behind and checks for that before it sends a lookup.
fn checks_whether_behind(protocol: Protocol) -> bool {
    protocol.faults.timeouts > 0 && !trusts_blindly(protocol.mutant)
}

fn trusts_blindly(mutant: Option<Mutant>) -> bool {
    matches!(mutant, Some(Mutant::TrustWhileBehind | Mutant::CheckBehindTooLate))
}
