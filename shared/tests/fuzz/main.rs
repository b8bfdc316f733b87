//! What reads the cache's bytes, given bytes that nobody in their right mind would write: a million and more, each run others.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code outside of the test functions themselves"
)]

mod body;
mod record;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// As many as share the work: two are busy on the smallest machine that builds this.
const THREADS: u32 = 4;

/// Tries at least so many cases, each with seeds of its own, and returns how many were tried.
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
