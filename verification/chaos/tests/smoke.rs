//! The check of `cargo xtask chaos`, in about two minutes. Every fault is injected at least once,
//! and the plain cache-aside must be caught.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helper functions of tests panic on every error and print the outcome"
)]

use std::time::Duration;

use chaos::counts::Counts;
use chaos::fault::Fault;
use chaos::report::Outcome;
use chaos::schedule::QuietPeriod;
use chaos::system::System;
use chaos::workload::{Limits, TargetKind};
use rand::RngExt as _;
use tokio::sync::Mutex;

/// Two runs at the same time would compete for the processor.
static SEQUENTIAL: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_hidden_under_any_fault_and_plain_cache_aside_is_caught() {
    let _sequential = SEQUENTIAL.lock().await;
    let system = System::start(false).await.unwrap();
    let naive = outcome(&system, TargetKind::Naive, 0).await;
    assert_eq!(naive.failure(), None, "{naive}");

    let api = outcome(&system, TargetKind::Api, 50).await;
    assert_nothing_is_hidden(&api);
    // No other check would detect that one of these faults has no effect.
    assert_injected(&api, &[Fault::RedisFull, Fault::KilledAfterCommit, Fault::EnvironmentsKilled]);

    let library = outcome(&system, TargetKind::Library, 25).await;
    assert_nothing_is_hidden(&library);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_hidden_while_shards_of_a_cluster_fail_over_and_slots_move() {
    let _sequential = SEQUENTIAL.lock().await;
    let system = System::start(true).await.unwrap();
    let api = outcome(&system, TargetKind::Api, 25).await;
    assert_nothing_is_hidden(&api);
    assert_injected(&api, &[Fault::ShardFailedOver, Fault::SlotsMoved]);
}

/// Returns the minimum numbers of events of a run. A slow machine takes longer to reach them.
fn minimum() -> Counts {
    Counts { reads: 501, hits: 101, writes: 51, sign_outs: 4, rejections: 11, ..Counts::default() }
}

async fn outcome(system: &System, target: TargetKind, seconds: u64) -> Outcome {
    let seed = rand::rng().random::<u32>().into();
    let quiet_period = QuietPeriod { min: Duration::from_millis(100), max: Duration::from_millis(500) };
    let limits = Limits { after: Duration::from_secs(seconds), reads: None, minimum: minimum(), quiet_period };
    let outcome = target.run(system, limits, seed, |_| {}).await.unwrap();
    println!("{}\n{outcome}", target.name());
    outcome
}

fn assert_nothing_is_hidden(outcome: &Outcome) {
    assert_eq!(outcome.failure(), None, "{outcome}");
    assert!(outcome.counts.covers(&minimum()), "too little was checked: {outcome}");
    assert!(outcome.availability() > 0.9, "{outcome}");
}

fn assert_injected(outcome: &Outcome, faults: &[Fault]) {
    for fault in faults {
        let injected = outcome.faults.get(fault.name());
        assert!(injected.is_some_and(|injected| injected.affected > 0), "{fault:?}: {outcome}");
    }
}
