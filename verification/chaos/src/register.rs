//! What was written, and what a reader may be given.
//!
//! A register holds one number, which each write raises by one. A write is repeated under its `Idempotency-Key` until it is acknowledged,
//! before the next begins: so the versions up to the highest acknowledged one have all been there, and no late copy of an older write can
//! come after a newer one.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// A number that is written and read.
#[derive(Debug, Default)]
pub struct Register {
    begun: AtomicU64,
    acknowledged: AtomicU64,
}

/// What a reader knows before it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// The highest version that was acknowledged before.
    pub acknowledged: u64,
    /// When it began to ask.
    pub began: Timestamp,
}

/// What the answer says of the system that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be.
    Possible,
    /// It hides a write that was acknowledged before the read began.
    Stale,
    /// Nobody has written it.
    Invented,
}

/// A write that has begun and is not acknowledged: it may be done at any moment, or never.
#[derive(Debug)]
pub struct Write<'a> {
    register: &'a Register,
    /// What is written.
    pub version: u64,
}

impl Register {
    /// Begins to write the next version, unless the last one has yet to be acknowledged.
    pub fn begin(&self) -> Option<Write<'_>> {
        let last = self.acknowledged();
        let version = last + 1;
        self.begun.compare_exchange(last, version, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        Some(Write { register: self, version })
    }

    /// What a read that begins now must not fall behind.
    pub fn expect(&self) -> Expectation {
        Expectation { acknowledged: self.acknowledged(), began: Timestamp::now() }
    }

    /// Judges an answer that has just come.
    pub fn judge(&self, expectation: Expectation, version: u64) -> Verdict {
        if version < expectation.acknowledged {
            Verdict::Stale
        } else if version > self.begun.load(Ordering::SeqCst) {
            Verdict::Invented
        } else {
            Verdict::Possible
        }
    }

    /// The highest version that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

impl Write<'_> {
    /// The client was told that the write is done.
    pub fn acknowledge(self) {
        self.register.acknowledged.store(self.version, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(versions: u64) -> Register {
        let register = Register::default();
        for _ in 0..versions {
            register.begin().unwrap().acknowledge();
        }
        register
    }

    #[test]
    fn an_answer_older_than_what_was_acknowledged_before_is_stale() {
        let register = written(3);
        let expectation = register.expect();
        assert_eq!(register.judge(expectation, 2), Verdict::Stale);
        assert_eq!(register.judge(expectation, 3), Verdict::Possible);
    }

    #[test]
    fn what_is_acknowledged_while_a_read_is_under_way_need_not_be_seen() {
        let register = written(3);
        let expectation = register.expect();
        register.begin().unwrap().acknowledge();
        assert_eq!(register.judge(expectation, 3), Verdict::Possible);
        assert_eq!(register.judge(expectation, 4), Verdict::Possible);
        assert_eq!(register.judge(register.expect(), 3), Verdict::Stale);
    }

    #[test]
    fn a_write_that_was_not_acknowledged_may_be_seen_or_not() {
        let register = written(3);
        let write = register.begin().unwrap();
        for seen in [3, 4, 3] {
            assert_eq!(register.judge(register.expect(), seen), Verdict::Possible, "{seen}");
        }
        assert_eq!(write.version, 4);
        assert_eq!(register.judge(register.expect(), 3), Verdict::Possible, "nobody was told that it is done");
    }

    #[test]
    fn a_version_that_nobody_has_begun_to_write_is_invented() {
        let register = written(3);
        assert_eq!(register.judge(register.expect(), 4), Verdict::Invented);
    }

    #[test]
    fn no_write_begins_before_the_last_one_is_acknowledged() {
        let register = written(0);
        let first = register.begin().unwrap();
        assert!(register.begin().is_none());
        first.acknowledge();
        assert_eq!(register.begin().unwrap().version, 2);
        assert!(register.begin().is_none(), "it may still be done");
    }
}
