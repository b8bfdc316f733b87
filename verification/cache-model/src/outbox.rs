//! `store::outbox::drain_outbox`: by `cache-monitor`, and by an environment before it trusts the cache again.

use crate::action::{DrainStep, Drainer};
use crate::fault::Faults;
use crate::mutant::Mutant;
use crate::state::{Drain, State};

impl Faults {
    /// Who finishes the outbox.
    pub(crate) fn drainers(self) -> impl Iterator<Item = Drainer> {
        Drainer::ALL.into_iter().filter(move |drainer| match drainer {
            Drainer::Monitor => self.monitor,
            Drainer::Environment => self.catches_up,
        })
    }
}

impl Drainer {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Monitor, Self::Environment];
}

/// The step that comes next.
pub(crate) fn steps(state: &State, drainer: Drainer, mutant: Option<Mutant>) -> Option<DrainStep> {
    let done_first = mutant == Some(Mutant::DoneBeforeInvalidate);
    match state.drains[drainer as usize] {
        Drain::Idle => {
            let has_reason = match drainer {
                Drainer::Monitor => state.outbox != 0,
                Drainer::Environment => state.environment.is_behind(),
            };
            has_reason.then_some(DrainStep::Pending)
        }
        Drain::Pending { .. } if done_first => Some(DrainStep::Done),
        Drain::Invalidated { .. } if done_first => Some(DrainStep::Invalidate),
        Drain::Pending { .. } => Some(DrainStep::Invalidate),
        Drain::Invalidated { .. } => Some(DrainStep::Done),
    }
}

/// Does it.
pub(crate) fn step(state: &mut State, drainer: Drainer, step: DrainStep, mutant: Option<Mutant>) {
    let at = &mut state.drains[drainer as usize];
    let (rows, failures) = match *at {
        Drain::Idle => (state.outbox, state.environment.failures),
        Drain::Pending { rows, failures } | Drain::Invalidated { rows, failures } => (rows, failures),
    };
    *at = match *at {
        Drain::Idle => Drain::Pending { rows, failures },
        Drain::Pending { .. } => Drain::Invalidated { rows, failures },
        Drain::Invalidated { .. } => Drain::Idle,
    };
    let is_over = *at == Drain::Idle;
    match step {
        DrainStep::Pending => {}
        DrainStep::Invalidate if rows != 0 => state.drop_generation(None, mutant),
        DrainStep::Invalidate => {}
        DrainStep::Done => {
            state.outbox &= !rows;
            state.promise_what_is_settled();
        }
    }
    if is_over && drainer == Drainer::Environment {
        let since = mutant == Some(Mutant::SettleWhatFailedSince);
        let failures = if since { state.environment.failures } else { failures };
        state.environment.settled = state.environment.settled.max(failures);
    }
}
