//! Two states from which the same can follow are made one: what nobody will ask for any more is forgotten.

use crate::action::Drainer;
use crate::state::{Drain, Guard, ReaderAt, State, WriterAt};

impl State {
    /// What only tells how things came to be as they are.
    pub(crate) fn forget_what_is_settled(&mut self) {
        let settled = self.environment.settled;
        self.environment.failures -= settled;
        self.environment.settled = 0;
        for drainer in Drainer::ALL {
            if let Drain::Pending { failures, .. } | Drain::Invalidated { failures, .. } =
                &mut self.drains[drainer as usize]
            {
                *failures = if drainer == Drainer::Environment { failures.saturating_sub(settled) } else { 0 };
            }
        }
        if !self.readers.iter().any(|reader| reader.at == ReaderAt::Start) {
            self.promised = 0;
        }
        if self.readers[0].at != ReaderAt::Start || self.environment.acknowledged <= self.promised {
            self.environment.acknowledged = 0;
        }
        for (number, writer) in self.writers.iter_mut().enumerate() {
            let is_over = writer.at == WriterAt::Done && self.outbox & (1 << number) == 0;
            if is_over && writer.late_begin.is_none() && writer.late_end.is_none() && !writer.late_commit {
                writer.version = None;
                writer.marked = false;
            }
        }
    }

    /// A record whose generation nobody can come across any more is as good as none.
    pub(crate) fn forget_what_cannot_be_served(&mut self) {
        let Some(record) = self.record else { return };
        let lives = self.guard == Guard::Live(record.generation);
        let is_known = self.readers.iter().any(|reader| {
            reader.late == Some(record.generation)
                || matches!(reader.at, ReaderAt::Observed { generation, .. } if generation == record.generation)
        });
        if !lives && !is_known {
            self.record = None;
        }
    }
}
