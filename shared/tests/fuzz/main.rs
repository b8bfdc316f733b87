//! Tests of the parsers of cached bytes, with more than a million byte strings, most of them
//! invalid. Each run tries different ones.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helper functions of tests panic on every error"
)]

mod body;
mod record;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// The number of threads that share the cases. The smallest machine that builds this has two
/// processors.
const THREADS: u32 = 4;

/// Tries at least this number of cases on all threads, each with seeds of its own, and returns the
/// number of cases tried.
fn try_all<S: Strategy>(
    cases: u32,
    strategy: impl Fn() -> S + Sync,
    check: impl Fn(S::Value) -> TestCaseResult + Sync,
) -> u64 {
    let tried = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let config = Config { cases: cases.div_ceil(THREADS), failure_persistence: None, ..Config::default() };
                let outcome = TestRunner::new(config).run(&strategy(), |case| {
                    tried.fetch_add(1, Ordering::Relaxed);
                    check(case)
                });
                if let Err(failure) = outcome {
                    panic!("{failure}");
                }
            });
        }
    });
    tried.into_inner()
}
