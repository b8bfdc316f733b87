//! Merges equivalent states: values that no later step depends on are reset.

use crate::action::Drainer;
use crate::state::{DrainPhase, Guard, ReaderPhase, State, WriterPhase};

impl State {
    /// Resets the values that only record how the state came about.
    pub(crate) fn forget_history(&mut self) {
        let drained_through = self.environment.drained_through;
        self.environment.failures -= drained_through;
        self.environment.drained_through = 0;
        for drainer in Drainer::ALL {
            if let DrainPhase::Pending { failures, .. } | DrainPhase::Invalidated { failures, .. } =
                &mut self.drains[drainer as usize]
            {
                *failures = if drainer == Drainer::Environment { failures.saturating_sub(drained_through) } else { 0 };
            }
        }
        if !self.readers.iter().any(|reader| reader.phase == ReaderPhase::Start) {
            self.promised = 0;
        }
        if self.readers[0].phase != ReaderPhase::Start || self.environment.acknowledged <= self.promised {
            self.environment.acknowledged = 0;
        }
        for (number, writer) in self.writers.iter_mut().enumerate() {
            let has_ended = writer.phase == WriterPhase::Done && self.outbox & (1 << number) == 0;
            if has_ended && writer.late_begin.is_none() && writer.late_end.is_none() && !writer.late_commit {
                writer.version = None;
                writer.marked = false;
            }
        }
    }

    /// Removes a record whose generation no reader can observe any more. No read can return it.
    pub(crate) fn forget_unservable_record(&mut self) {
        let Some(record) = self.record else { return };
        let is_live = self.guard == Guard::Live(record.generation);
        let is_known = self.readers.iter().any(|reader| {
            reader.late_observe == Some(record.generation)
                || matches!(reader.phase, ReaderPhase::Observed { generation, .. } if generation == record.generation)
        });
        if !is_live && !is_known {
            self.record = None;
        }
    }
}
