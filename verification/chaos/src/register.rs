//! The registers: the versions that were written, and the versions that a read may return.
//!
//! A register contains one number, which each write increments. A write is repeated with its
//! `Idempotency-Key` until it is acknowledged. Only then does the next write begin. Therefore every
//! version up to the highest acknowledged one has been stored, and no late copy of an older write
//! can follow a newer one.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// A number that is written and read.
#[derive(Debug, Default)]
pub struct Register {
    begun: AtomicU64,
    acknowledged: AtomicU64,
}

impl Register {
    /// Begins to write the next version. Returns `None` if the last version is not acknowledged
    /// yet.
    pub fn begin(&self) -> Option<Write<'_>> {
        let last = self.acknowledged();
        let version = last + 1;
        self.begun.compare_exchange(last, version, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        Some(Write { register: self, version })
    }

    /// Returns the version that a read must return at least if it begins now.
    pub fn expect(&self) -> Expectation {
        Expectation { acknowledged: self.acknowledged(), began: Timestamp::now() }
    }

    /// Checks the version in a response that has just arrived.
    pub fn check(&self, expectation: Expectation, version: u64) -> Verdict {
        if version < expectation.acknowledged {
            Verdict::Stale
        } else if version > self.begun.load(Ordering::SeqCst) {
            Verdict::NeverWritten
        } else {
            Verdict::Allowed
        }
    }

    /// Returns the highest version that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// The minimum that a response must contain, recorded before the request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// The highest version that was acknowledged before the read.
    pub acknowledged: u64,
    /// The time at which the read begins.
    pub began: Timestamp,
}

/// The verdict on a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The response is correct.
    Allowed,
    /// The response hides a write that was acknowledged before the read began.
    Stale,
    /// The response contains a version that no write has begun.
    NeverWritten,
}

/// A write that has begun and is not acknowledged. It may take effect at any moment, or never.
#[derive(Debug)]
pub struct Write<'a> {
    register: &'a Register,
    /// The version that the write stores.
    pub version: u64,
}

impl Write<'_> {
    /// Records that the client received an acknowledgement of the write.
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
    fn a_version_older_than_the_acknowledged_one_is_stale() {
        let register = written(3);
        let expectation = register.expect();
        assert_eq!(register.check(expectation, 2), Verdict::Stale);
        assert_eq!(register.check(expectation, 3), Verdict::Allowed);
    }

    #[test]
    fn a_write_that_is_acknowledged_during_a_read_may_be_missing_from_its_response() {
        let register = written(3);
        let expectation = register.expect();
        register.begin().unwrap().acknowledge();
        assert_eq!(register.check(expectation, 3), Verdict::Allowed);
        assert_eq!(register.check(expectation, 4), Verdict::Allowed);
        assert_eq!(register.check(register.expect(), 3), Verdict::Stale);
    }

    #[test]
    fn an_unacknowledged_write_may_or_may_not_be_visible() {
        let register = written(3);
        let write = register.begin().unwrap();
        for seen in [3, 4, 3] {
            assert_eq!(register.check(register.expect(), seen), Verdict::Allowed, "{seen}");
        }
        assert_eq!(write.version, 4);
        assert_eq!(register.check(register.expect(), 3), Verdict::Allowed, "the write is not acknowledged");
    }

    #[test]
    fn the_verdict_on_a_version_that_no_write_has_begun_is_never_written() {
        let register = written(3);
        assert_eq!(register.check(register.expect(), 4), Verdict::NeverWritten);
    }

    #[test]
    fn no_write_begins_before_the_last_one_is_acknowledged() {
        let register = written(0);
        let first = register.begin().unwrap();
        assert!(register.begin().is_none());
        first.acknowledge();
        assert_eq!(register.begin().unwrap().version, 2);
        assert!(register.begin().is_none(), "the second write may still take effect");
    }
}
