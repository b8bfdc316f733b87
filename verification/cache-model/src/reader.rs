//! `store::authenticated::read`: the cache is looked up, and the database where it has nothing to serve.

use crate::action::ReaderStep;
use crate::guard::Observed;
use crate::mutant::Mutant;
use crate::protocol::Protocol;
use crate::state::{Began, Generation, READERS, ReaderAt, Record, Stale, State};

/// The steps that this reader may do next.
pub(crate) fn steps(state: &State, reader: usize, protocol: Protocol) -> Vec<ReaderStep> {
    let mut steps = match state.readers[reader].at {
        ReaderAt::Start if reader == 0 && protocol.asks_whether_behind() => vec![ReaderStep::IsBehind],
        ReaderAt::Start | ReaderAt::Begun(_) if protocol.side_by_side => vec![ReaderStep::Observe, ReaderStep::Get],
        ReaderAt::Start | ReaderAt::Begun(_) | ReaderAt::Got { .. } => vec![ReaderStep::Observe],
        ReaderAt::Observed { .. } => vec![ReaderStep::Get],
        ReaderAt::Missed { .. } => vec![ReaderStep::Select],
        ReaderAt::Selected(_) => vec![ReaderStep::Fill],
        ReaderAt::Done => vec![],
    };
    if state.faults.repetitions > 0 && steps.contains(&ReaderStep::Observe) {
        steps.push(ReaderStep::ObserveAgain);
    }
    if state.readers[reader].late.is_some() {
        steps.push(ReaderStep::LateObserve);
    }
    steps
}

/// Does one of them.
pub(crate) fn step(state: &mut State, reader: usize, step: ReaderStep, mutant: Option<Mutant>) {
    let number = u8::try_from(reader).unwrap_or(u8::MAX);
    let [first, second] = [number, number + READERS as u8].map(Generation);
    match step {
        ReaderStep::IsBehind => state.readers[reader].at = ReaderAt::Begun(begin(state, reader, mutant)),
        ReaderStep::Observe => look(state, reader, first, mutant),
        ReaderStep::ObserveAgain => {
            state.faults.repetitions -= 1;
            state.readers[reader].late = Some(first);
            look(state, reader, if mutant == Some(Mutant::SameProposal) { first } else { second }, mutant);
        }
        ReaderStep::LateObserve => {
            if let Some(proposed) = state.readers[reader].late.take() {
                state.observe(proposed, mutant);
            }
        }
        ReaderStep::Get => {
            let record = state.record;
            state.readers[reader].at = match state.readers[reader].at {
                ReaderAt::Observed { began, generation } => open(state, reader, began, generation, record, mutant),
                ReaderAt::Begun(began) => ReaderAt::Got { began, record },
                _ => ReaderAt::Got { began: begin(state, reader, mutant), record },
            };
        }
        ReaderStep::Select => {
            state.readers[reader].at = match state.readers[reader].at {
                ReaderAt::Missed { fills: Some(generation) } => {
                    ReaderAt::Selected(Record { generation, version: state.database })
                }
                _ => ReaderAt::Done,
            };
        }
        ReaderStep::Fill => {
            if let ReaderAt::Selected(record) = state.readers[reader].at {
                state.record = Some(record);
            }
            state.readers[reader].at = ReaderAt::Done;
        }
    }
}

/// What a read that begins now is promised, and whether it will trust the cache.
fn begin(state: &State, reader: usize, mutant: Option<Mutant>) -> Began {
    if reader != 0 {
        return Began { promised: state.promised, trusts: true };
    }
    Began {
        // An environment knows what it has acknowledged itself.
        promised: state.promised.max(state.environment.acknowledged),
        trusts: trusts_blindly(mutant) || !state.environment.is_behind(),
    }
}

fn trusts_blindly(mutant: Option<Mutant>) -> bool {
    matches!(mutant, Some(Mutant::TrustWhileBehind | Mutant::AskLateWhetherBehind))
}

impl Protocol {
    /// Whether an environment may be behind, and asks before it looks anything up.
    fn asks_whether_behind(self) -> bool {
        self.faults.silences > 0 && !trusts_blindly(self.mutant)
    }
}

/// The first half of `Cache::read`: the guard has answered, after the record or before it.
fn look(state: &mut State, reader: usize, proposed: Generation, mutant: Option<Mutant>) {
    let (began, got) = match state.readers[reader].at {
        ReaderAt::Got { began, record } => (began, Some(record)),
        ReaderAt::Begun(began) => (began, None),
        _ => (begin(state, reader, mutant), None),
    };
    state.readers[reader].at = match (state.observe(proposed, mutant), got) {
        (Observed::Live(generation), None) if began.trusts => ReaderAt::Observed { began, generation },
        (Observed::Live(generation), Some(record)) if began.trusts => {
            open(state, reader, began, generation, record, mutant)
        }
        _ => ReaderAt::Missed { fills: None },
    };
}

/// The second half, when both have answered: a record of another generation cannot be opened.
fn open(
    state: &mut State,
    reader: usize,
    began: Began,
    generation: Generation,
    record: Option<Record>,
    mutant: Option<Mutant>,
) -> ReaderAt {
    if mutant == Some(Mutant::AskLateWhetherBehind) && reader == 0 && state.environment.is_behind() {
        return ReaderAt::Missed { fills: None };
    }
    match record {
        Some(record) if record.generation == generation => {
            if record.version < began.promised {
                state.stale = Some(Stale { reader, promised: began.promised, answered: record.version });
            }
            ReaderAt::Done
        }
        _ => ReaderAt::Missed { fills: Some(generation) },
    }
}
