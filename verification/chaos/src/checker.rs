//! Counts what happened, and decides which answers must not have been given.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use crate::register::{Expectation, Verdict};
use crate::subject::{Document, REGISTERS, Subject};
use crate::witness::{Suspicion, Witness};

/// How many findings are kept in full.
const KEPT: usize = 100;

/// What an arm answered to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The registers of the document.
    pub versions: [u64; REGISTERS],
    /// Whether it came from the cache.
    pub hit: bool,
}

/// Counts, one for each thing that can happen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Reads that were answered, and checked.
    pub reads: AtomicU64,
    /// Reads that were not answered, or with an error of the server's.
    pub failed_reads: AtomicU64,
    /// Reads that were answered from the cache.
    pub hits: AtomicU64,
    /// Writes that were acknowledged.
    pub writes: AtomicU64,
    /// Attempts to write that were not acknowledged.
    pub failed_writes: AtomicU64,
    /// Sign-outs that were acknowledged.
    pub sign_outs: AtomicU64,
    /// Attempts to sign out that were not acknowledged.
    pub failed_sign_outs: AtomicU64,
    /// Requests with a token whose sign-out had been acknowledged, and which was refused.
    pub refusals: AtomicU64,
    /// Stale answers within what is stated.
    pub within_bound: AtomicU64,
    /// Answers that must not have been given.
    pub violations: AtomicU64,
    /// Answers that are neither a success nor an error that has its place here.
    pub unexpected: AtomicU64,
}

/// Judges answers as they come.
#[derive(Debug)]
pub struct Checker {
    /// What happened.
    pub tally: Tally,
    witness: Option<Witness>,
    suspicions: Mutex<Vec<Suspicion>>,
    findings: Mutex<Vec<String>>,
}

impl Checker {
    /// Without a witness there is no excuse.
    pub fn new(witness: Option<Witness>) -> Self {
        Self { tally: Tally::default(), witness, suspicions: Mutex::default(), findings: Mutex::default() }
    }

    /// A read was answered.
    pub fn answered(
        &self,
        subject: &Subject,
        document: Document,
        expectations: [Expectation; REGISTERS],
        answer: Answer,
    ) {
        count(&self.tally.reads);
        if answer.hit {
            count(&self.tally.hits);
        }
        let registers = subject.registers(document).iter().zip(expectations).zip(answer.versions);
        for (number, ((register, expectation), version)) in registers.enumerate() {
            let suspicion = || Suspicion {
                guard: subject.guard(document),
                register: subject.register_name(document, number),
                version,
                acknowledged: expectation.acknowledged,
                began: expectation.began,
                hit: answer.hit,
            };
            match register.judge(expectation, version) {
                Verdict::Possible => {}
                Verdict::Stale if self.witness.is_some() => lock(&self.suspicions).push(suspicion()),
                Verdict::Stale => self.violation(&format!("stale: {:?}", suspicion())),
                Verdict::Invented => self.violation(&format!("written by nobody: {:?}", suspicion())),
            }
        }
    }

    /// A token was accepted after its sign-out had been acknowledged.
    pub fn accepted_after_sign_out(&self, what: &str) {
        self.violation(&format!("accepted after its sign-out was acknowledged: {what}"));
    }

    /// Something that should not happen, although it hides nothing.
    pub fn unexpected(&self, what: &str) {
        count(&self.tally.unexpected);
        self.keep(format!("unexpected: {what}"));
    }

    /// Asks the witness about the stale answers so far.
    ///
    /// # Errors
    /// The database is away; what is not decided is kept.
    pub async fn decide(&self) -> Result<()> {
        let Some(witness) = &self.witness else { return Ok(()) };
        loop {
            let Some(suspicion) = lock(&self.suspicions).last().cloned() else { return Ok(()) };
            let excused = witness.excuses(&suspicion).await?;
            lock(&self.suspicions).retain(|other| *other != suspicion);
            if excused {
                count(&self.tally.within_bound);
            } else {
                self.violation(&format!("stale: {suspicion:?}"));
            }
        }
    }

    /// What was found, in words, as far as it was kept.
    pub fn findings(&self) -> Vec<String> {
        lock(&self.findings).clone()
    }

    /// How many answers must not have been given.
    pub fn violations(&self) -> u64 {
        self.tally.violations.load(Ordering::Relaxed)
    }

    fn violation(&self, what: &str) {
        count(&self.tally.violations);
        self.keep(format!("{} {what}", jiff::Timestamp::now()));
    }

    fn keep(&self, finding: String) {
        let mut findings = lock(&self.findings);
        if findings.len() < KEPT {
            findings.push(finding);
        }
    }
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
