//! `store::authenticated::write`: a statement between the announcement and its clearing.

use crate::action::WriterStep;
use crate::mutant::Mutant;
use crate::state::{Nonce, State, WRITERS, WriterAt};

/// The steps that this writer may do next.
pub(crate) fn steps(state: &State, writer: usize, mutant: Option<Mutant>) -> Vec<WriterStep> {
    let (own, faults) = (&state.writers[writer], &state.faults);
    let mut steps = Vec::new();
    let may = |budget: u8, step| (budget > 0).then_some(step);
    match own.at {
        WriterAt::Start => {
            steps.push(WriterStep::Begin);
            steps.extend(may(faults.repetitions, WriterStep::BeginAgain));
            steps.extend(may(faults.silences, WriterStep::BeginFails));
        }
        WriterAt::Begun => {
            let clears_early = mutant == Some(Mutant::ClearBeforeCommit);
            steps.push(if clears_early { WriterStep::End } else { WriterStep::Commit });
            steps.extend(may(faults.refusals, WriterStep::Refuse));
            steps.extend(may(faults.crashes, WriterStep::Crash));
        }
        WriterAt::ClearedEarly => steps.push(WriterStep::Commit),
        WriterAt::Committed => {
            steps.push(WriterStep::End);
            steps.extend(may(faults.repetitions, WriterStep::EndAgain));
            steps.extend(may(faults.silences, WriterStep::EndFails));
            steps.extend(may(faults.crashes, WriterStep::Crash));
        }
        WriterAt::Refused => steps.push(WriterStep::End),
        WriterAt::Dead => steps.extend(may(faults.retries, WriterStep::Retry)),
        WriterAt::Done => {}
    }
    steps.extend(own.late_begin.map(|_| WriterStep::LateBegin));
    steps.extend(own.late_end.map(|_| WriterStep::LateEnd));
    steps.extend(own.late_commit.then_some(WriterStep::LateCommit));
    steps
}

/// Does one of them.
pub(crate) fn step(state: &mut State, writer: usize, step: WriterStep, mutant: Option<Mutant>) {
    let nonce = state.writers[writer].nonce;
    match step {
        WriterStep::Begin => begin(state, writer, mutant),
        WriterStep::BeginAgain => {
            state.faults.repetitions -= 1;
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
            state.writers[writer].late_begin = state.faults.arrives_late.then_some(nonce);
            state.writers[writer].at = WriterAt::Begun;
        }
        WriterStep::Commit => {
            let early = state.writers[writer].at == WriterAt::ClearedEarly;
            commit(state, writer, mutant);
            state.writers[writer].at = WriterAt::Committed;
            if early {
                acknowledge(state, writer);
            }
        }
        WriterStep::Refuse => {
            state.faults.refusals -= 1;
            state.writers[writer].at = WriterAt::Refused;
        }
        WriterStep::End => clear(state, writer, mutant),
        WriterStep::EndAgain => {
            state.faults.repetitions -= 1;
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
            state.writers[writer].late_end = state.faults.arrives_late.then_some(nonce);
            end(state, writer);
        }
        WriterStep::Crash => {
            state.faults.crashes -= 1;
            let own = &mut state.writers[writer];
            own.late_commit = own.at == WriterAt::Begun;
            own.at = WriterAt::Dead;
            if own.late_commit && mutant == Some(Mutant::ClearWhenOpen) {
                state.drop_generation(Some(nonce), mutant);
            }
            state.promise_what_is_settled();
        }
        WriterStep::LateCommit => {
            state.writers[writer].late_commit = false;
            let was_done = state.writers[writer].version.is_some();
            commit(state, writer, mutant);
            if !was_done && state.outbox & (1 << writer) == 0 {
                state.promise(writer);
            }
        }
        WriterStep::Retry => {
            state.faults.retries -= 1;
            let own = &mut state.writers[writer];
            own.nonce = Nonce(nonce.0 + WRITERS as u8);
            own.marked = false;
            own.at = WriterAt::Start;
        }
    }
}

fn begin(state: &mut State, writer: usize, mutant: Option<Mutant>) {
    let own = &mut state.writers[writer];
    own.marked = true;
    own.at = WriterAt::Begun;
    let nonce = own.nonce;
    state.mark(nonce, mutant);
}

/// The statement: once only, whoever sends it again, because the client's `Idempotency-Key` is kept by the same statement.
fn commit(state: &mut State, writer: usize, mutant: Option<Mutant>) {
    let own = &mut state.writers[writer];
    if own.version.is_none() {
        state.database += 1;
        own.version = Some(state.database);
    }
    if !own.marked && mutant != Some(Mutant::NoOutbox) {
        state.outbox |= 1 << writer;
    }
}

/// The clearing, with an answer: whoever may have been served before the commit is not any more, announced or not.
fn clear(state: &mut State, writer: usize, mutant: Option<Mutant>) {
    let own = state.writers[writer];
    if own.marked || mutant != Some(Mutant::NoEndWhenUnmarked) {
        state.drop_generation(Some(own.nonce), mutant);
    }
    if own.at == WriterAt::Committed {
        state.promise(writer);
    }
    end(state, writer);
}

/// After the clearing, whatever has come of it.
fn end(state: &mut State, writer: usize) {
    match state.writers[writer].at {
        WriterAt::Begun => state.writers[writer].at = WriterAt::ClearedEarly,
        WriterAt::Refused => state.writers[writer].at = WriterAt::Done,
        _ => acknowledge(state, writer),
    }
}

fn acknowledge(state: &mut State, writer: usize) {
    state.writers[writer].at = WriterAt::Done;
    if writer == 0 {
        let version = state.writers[writer].version.unwrap_or_default();
        state.environment.acknowledged = state.environment.acknowledged.max(version);
    }
    state.promise_what_is_settled();
}

impl State {
    /// What every environment must know from now on: what was acknowledged, or committed by somebody who died, and does not wait in the
    /// outbox.
    pub(crate) fn promise_what_is_settled(&mut self) {
        for (number, writer) in self.writers.iter().enumerate() {
            let is_over = matches!(writer.at, WriterAt::Done | WriterAt::Dead);
            if let Some(version) = writer.version.filter(|_| is_over && self.outbox & (1 << number) == 0) {
                self.promised = self.promised.max(version);
            }
        }
    }

    /// Every environment must know what this writer has committed.
    fn promise(&mut self, writer: usize) {
        self.promised = self.promised.max(self.writers[writer].version.unwrap_or_default());
    }

    fn note_failure(&mut self, writer: usize) {
        self.faults.silences -= 1;
        if writer == 0 {
            self.environment.failures += 1;
        }
    }
}
