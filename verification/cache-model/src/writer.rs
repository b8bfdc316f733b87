//! Models `authenticated::begin` and `authenticated::execute_guarded`: a writer sets the marker,
//! executes the statement, and clears the marker.

use crate::action::WriterStep;
use crate::mutant::Mutant;
use crate::state::{Nonce, State, WRITERS, WriterPhase};

/// Returns the steps that a writer may take next.
pub(crate) fn steps(state: &State, writer: usize, mutant: Option<Mutant>) -> Vec<WriterStep> {
    let (this, faults) = (&state.writers[writer], &state.faults);
    let mut steps = Vec::new();
    let if_left = |budget: u8, step| (budget > 0).then_some(step);
    match this.phase {
        WriterPhase::Start => {
            steps.push(WriterStep::Begin);
            steps.extend(if_left(faults.resends, WriterStep::BeginAgain));
            steps.extend(if_left(faults.timeouts, WriterStep::BeginFails));
        }
        WriterPhase::Begun => {
            let clears_early = mutant == Some(Mutant::ClearBeforeCommit);
            steps.push(if clears_early { WriterStep::End } else { WriterStep::Commit });
            steps.extend(if_left(faults.rollbacks, WriterStep::Rollback));
            steps.extend(if_left(faults.crashes, WriterStep::Crash));
        }
        WriterPhase::ClearedEarly => steps.push(WriterStep::Commit),
        WriterPhase::Committed => {
            steps.push(WriterStep::End);
            steps.extend(if_left(faults.resends, WriterStep::EndAgain));
            steps.extend(if_left(faults.timeouts, WriterStep::EndFails));
            steps.extend(if_left(faults.crashes, WriterStep::Crash));
        }
        WriterPhase::RolledBack => steps.push(WriterStep::End),
        WriterPhase::Crashed => steps.extend(if_left(faults.retries, WriterStep::Retry)),
        WriterPhase::Done => {}
    }
    steps.extend(this.late_begin.map(|_| WriterStep::LateBegin));
    steps.extend(this.late_end.map(|_| WriterStep::LateEnd));
    steps.extend(this.late_commit.then_some(WriterStep::LateCommit));
    steps
}

/// Performs a step of a writer.
pub(crate) fn step(state: &mut State, writer: usize, step: WriterStep, mutant: Option<Mutant>) {
    let nonce = state.writers[writer].nonce;
    match step {
        WriterStep::Begin => begin(state, writer, mutant),
        WriterStep::BeginAgain => {
            state.faults.resends -= 1;
            state.writers[writer].late_begin = Some(nonce);
            begin(state, writer, mutant);
        }
        WriterStep::LateBegin => {
            if let Some(nonce) = state.writers[writer].late_begin.take() {
                state.mark(nonce, mutant);
            }
        }
        WriterStep::BeginFails => {
            state.note_failure(writer);
            state.writers[writer].marked = false;
            state.writers[writer].late_begin = state.faults.late_delivery.then_some(nonce);
            state.writers[writer].phase = WriterPhase::Begun;
        }
        WriterStep::Commit => {
            let cleared_early = state.writers[writer].phase == WriterPhase::ClearedEarly;
            commit(state, writer, mutant);
            state.writers[writer].phase = WriterPhase::Committed;
            if cleared_early {
                acknowledge(state, writer);
            }
        }
        WriterStep::Rollback => {
            state.faults.rollbacks -= 1;
            state.writers[writer].phase = WriterPhase::RolledBack;
        }
        WriterStep::End => clear(state, writer, mutant),
        WriterStep::EndAgain => {
            state.faults.resends -= 1;
            state.writers[writer].late_end = Some(nonce);
            clear(state, writer, mutant);
        }
        WriterStep::LateEnd => {
            if let Some(nonce) = state.writers[writer].late_end.take() {
                state.drop_generation(Some(nonce), mutant);
            }
        }
        WriterStep::EndFails => {
            state.note_failure(writer);
            state.writers[writer].late_end = state.faults.late_delivery.then_some(nonce);
            end(state, writer);
        }
        WriterStep::Crash => {
            state.faults.crashes -= 1;
            let this = &mut state.writers[writer];
            this.late_commit = this.phase == WriterPhase::Begun;
            this.phase = WriterPhase::Crashed;
            if this.late_commit && mutant == Some(Mutant::ClearWhenUnknown) {
                state.drop_generation(Some(nonce), mutant);
            }
            state.promise_settled_writes();
        }
        WriterStep::LateCommit => {
            state.writers[writer].late_commit = false;
            let was_committed = state.writers[writer].version.is_some();
            commit(state, writer, mutant);
            if !was_committed && state.outbox & (1 << writer) == 0 {
                state.promise(writer);
            }
        }
        WriterStep::Retry => {
            state.faults.retries -= 1;
            let this = &mut state.writers[writer];
            this.nonce = Nonce(nonce.0 + WRITERS as u8);
            this.marked = false;
            this.phase = WriterPhase::Start;
        }
    }
}

fn begin(state: &mut State, writer: usize, mutant: Option<Mutant>) {
    let this = &mut state.writers[writer];
    this.marked = true;
    this.phase = WriterPhase::Begun;
    let nonce = this.nonce;
    state.mark(nonce, mutant);
}

/// Executes the statement. It takes effect only once even if it is sent several times, because it
/// also stores the client's `Idempotency-Key`.
fn commit(state: &mut State, writer: usize, mutant: Option<Mutant>) {
    let this = &mut state.writers[writer];
    if this.version.is_none() {
        state.database += 1;
        this.version = Some(state.database);
    }
    if !this.marked && mutant != Some(Mutant::NoOutbox) {
        state.outbox |= 1 << writer;
    }
}

/// Clears the marker and gets a reply. From then on the cache serves nothing from before the
/// commit, even if the write was not announced.
fn clear(state: &mut State, writer: usize, mutant: Option<Mutant>) {
    let this = state.writers[writer];
    if this.marked || mutant != Some(Mutant::NoEndWhenUnmarked) {
        state.drop_generation(Some(this.nonce), mutant);
    }
    if this.phase == WriterPhase::Committed {
        state.promise(writer);
    }
    end(state, writer);
}

/// Continues after the clearing, whether or not it succeeded.
fn end(state: &mut State, writer: usize) {
    match state.writers[writer].phase {
        WriterPhase::Begun => state.writers[writer].phase = WriterPhase::ClearedEarly,
        WriterPhase::RolledBack => state.writers[writer].phase = WriterPhase::Done,
        _ => acknowledge(state, writer),
    }
}

fn acknowledge(state: &mut State, writer: usize) {
    state.writers[writer].phase = WriterPhase::Done;
    if writer == 0 {
        let version = state.writers[writer].version.unwrap_or_default();
        state.environment.acknowledged = state.environment.acknowledged.max(version);
    }
    state.promise_settled_writes();
}

impl State {
    fn note_failure(&mut self, writer: usize) {
        self.faults.timeouts -= 1;
        if writer == 0 {
            self.environment.failures += 1;
        }
    }
}
