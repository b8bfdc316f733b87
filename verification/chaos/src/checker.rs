//! Counts the events of a run, and decides which responses violate a guarantee.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use jiff::Timestamp;

use crate::counts::Counts;
use crate::oracle::{Oracle, StaleRead};
use crate::register::{Expectation, Verdict};
use crate::target::ReadResponse;
use crate::user::{REGISTERS, Resource, User};

/// The maximum number of findings that are recorded.
const MAX_FINDINGS: usize = 100;

/// Checks responses as they arrive.
#[derive(Debug)]
pub struct Checker {
    oracle: Option<Oracle>,
    counts: Mutex<Counts>,
    stale_reads: Mutex<Vec<StaleRead>>,
    findings: Mutex<Vec<String>>,
}

impl Checker {
    /// Creates a checker. Without an oracle, every stale read is a violation.
    pub fn new(oracle: Option<Oracle>) -> Self {
        Self { oracle, counts: Mutex::default(), stale_reads: Mutex::default(), findings: Mutex::default() }
    }

    /// Checks the response to a read.
    pub fn check(
        &self,
        user: &User,
        resource: Resource,
        expectations: [Expectation; REGISTERS],
        response: ReadResponse,
    ) {
        self.count(|counts| {
            counts.reads += 1;
            counts.hits += u64::from(response.hit);
        });
        let registers = user.registers(resource).iter().zip(expectations).zip(response.versions);
        for (number, ((register, expectation), version)) in registers.enumerate() {
            let read = || StaleRead {
                guard: user.guard(resource),
                register: user.register_name(resource, number),
                version,
                acknowledged: expectation.acknowledged,
                began: expectation.began,
                hit: response.hit,
            };
            match register.check(expectation, version) {
                Verdict::Allowed => {}
                Verdict::Stale if self.oracle.is_some() => lock(&self.stale_reads).push(read()),
                Verdict::Stale => self.violation(&format!("stale: {:?}", read())),
                Verdict::NeverWritten => self.violation(&format!("never written: {:?}", read())),
            }
        }
    }

    /// Records that a token was accepted after its sign-out had been acknowledged.
    pub fn accepted_after_sign_out(&self, what: &str) {
        self.violation(&format!("accepted after its sign-out was acknowledged: {what}"));
    }

    /// Records a response that should not occur, although it hides no write.
    pub fn unexpected(&self, what: &str) {
        self.count(|counts| counts.unexpected += 1);
        self.record(format!("unexpected: {what}"));
    }

    /// Asks the oracle whether the stale reads so far are allowed.
    ///
    /// # Errors
    /// The database is unavailable. The reads that are not decided yet remain for the next call.
    pub async fn decide_stale_reads(&self) -> Result<()> {
        let Some(oracle) = &self.oracle else { return Ok(()) };
        loop {
            let Some(read) = lock(&self.stale_reads).last().cloned() else { return Ok(()) };
            let is_allowed = oracle.allows(&read).await?;
            lock(&self.stale_reads).retain(|other| *other != read);
            if is_allowed {
                self.count(|counts| counts.within_bound += 1);
            } else {
                self.violation(&format!("stale: {read:?}"));
            }
        }
    }

    /// Counts an event with `event`, which increments a number.
    pub fn count(&self, event: impl FnOnce(&mut Counts)) {
        event(&mut lock(&self.counts));
    }

    /// Returns the event counts so far.
    pub fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    /// Returns the descriptions of violations and of unexpected responses, at most a hundred.
    pub fn findings(&self) -> Vec<String> {
        lock(&self.findings).clone()
    }

    fn violation(&self, what: &str) {
        self.count(|counts| counts.violations += 1);
        self.record(format!("{} {what}", Timestamp::now()));
    }

    fn record(&self, finding: String) {
        let mut findings = lock(&self.findings);
        if findings.len() < MAX_FINDINGS {
            findings.push(finding);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
