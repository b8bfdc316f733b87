//! `Outbox::drain`, which is called by `cache-monitor` and by an environment before it trusts the
//! cache again.

use crate::action::{DrainStep, Drainer};
use crate::fault::Faults;
use crate::mutant::Mutant;
use crate::state::{DrainPhase, State};

/// Returns the next step of a drainer, if it has one.
pub(crate) fn steps(state: &State, drainer: Drainer, mutant: Option<Mutant>) -> Option<DrainStep> {
    let done_first = mutant == Some(Mutant::DoneBeforeInvalidate);
    match state.drains[drainer as usize] {
        DrainPhase::Idle => {
            let has_reason = match drainer {
                Drainer::Monitor => state.outbox != 0,
                Drainer::Environment => state.environment.is_behind(),
            };
            has_reason.then_some(DrainStep::Pending)
        }
        DrainPhase::Pending { .. } if done_first => Some(DrainStep::Done),
        DrainPhase::Invalidated { .. } if done_first => Some(DrainStep::Invalidate),
        DrainPhase::Pending { .. } => Some(DrainStep::Invalidate),
        DrainPhase::Invalidated { .. } => Some(DrainStep::Done),
    }
}

/// Performs a step of a drainer.
pub(crate) fn step(state: &mut State, drainer: Drainer, step: DrainStep, mutant: Option<Mutant>) {
    let phase = &mut state.drains[drainer as usize];
    let (rows, failures) = match *phase {
        DrainPhase::Idle => (state.outbox, state.environment.failures),
        DrainPhase::Pending { rows, failures } | DrainPhase::Invalidated { rows, failures } => (rows, failures),
    };
    *phase = match *phase {
        DrainPhase::Idle => DrainPhase::Pending { rows, failures },
        DrainPhase::Pending { .. } => DrainPhase::Invalidated { rows, failures },
        DrainPhase::Invalidated { .. } => DrainPhase::Idle,
    };
    let has_ended = *phase == DrainPhase::Idle;
    match step {
        DrainStep::Pending => {}
        DrainStep::Invalidate if rows != 0 => state.drop_generation(None, mutant),
        DrainStep::Invalidate => {}
        DrainStep::Done => {
            state.outbox &= !rows;
            state.promise_settled_writes();
        }
    }
    if has_ended && drainer == Drainer::Environment {
        let settles_later = mutant == Some(Mutant::DrainSettlesLaterFailures);
        let failures = if settles_later { state.environment.failures } else { failures };
        state.environment.drained_through = state.environment.drained_through.max(failures);
    }
}

impl Faults {
    /// Returns the processes that drain the outbox.
    pub(crate) fn drainers(self) -> impl Iterator<Item = Drainer> {
        Drainer::ALL.into_iter().filter(move |drainer| match drainer {
            Drainer::Monitor => self.monitor_drains,
            Drainer::Environment => self.environment_drains,
        })
    }
}
