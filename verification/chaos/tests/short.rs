//! Two minutes of what `cargo xtask chaos` does for longer: every fault once, and the plain cache-aside has to be caught.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "test code outside of the test functions themselves")]

use std::time::Duration;

use chaos::choice::{Arms, Extent};
use chaos::fault::Fault;
use chaos::report::Outcome;
use chaos::schedule::Calm;
use chaos::stage::Stage;
use rand::RngExt as _;
use tokio::sync::Mutex;

/// Two trials at once would load the same processor.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn outcome(stage: &Stage, arm: Arms, seconds: u64) -> Outcome {
    let seed = rand::rng().random::<u32>().into();
    let calm = Calm(Duration::from_millis(100), Duration::from_millis(500));
    let extent = Extent { after: Duration::from_secs(seconds), reads: None, calm };
    let outcome = arm.run(stage, extent, seed, |_| {}).await.unwrap();
    println!("{}\n{outcome}", arm.name());
    outcome
}

fn assert_nothing_is_hidden(outcome: &Outcome) {
    assert_eq!(outcome.failure(), None, "{outcome}");
    assert!(outcome.reads > 500 && outcome.hits > 100, "too little was checked: {outcome}");
    assert!(outcome.writes > 50 && outcome.sign_outs > 3 && outcome.refusals > 10, "{outcome}");
    assert!(outcome.availability() > 0.9, "{outcome}");
}

fn assert_struck(outcome: &Outcome, faults: &[Fault]) {
    for fault in faults {
        let struck = outcome.faults.get(fault.name());
        assert!(struck.is_some_and(|struck| struck.things > 0), "{fault:?}: {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_hidden_whatever_fails_and_plain_cache_aside_is_caught() {
    let _alone = ALONE.lock().await;
    let stage = Stage::set_up(false).await.unwrap();
    let naive = outcome(&stage, Arms::Naive, 0).await;
    assert_eq!(naive.failure(), None, "{naive}");

    let api = outcome(&stage, Arms::Api, 50).await;
    assert_nothing_is_hidden(&api);
    // Those that could come to nothing without anybody noticing.
    assert_struck(&api, &[Fault::RedisFull, Fault::KilledAfterCommit, Fault::EnvironmentsKilled]);

    let library = outcome(&stage, Arms::Library, 25).await;
    assert_nothing_is_hidden(&library);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_on_a_cluster_whose_shards_fail_over_and_whose_slots_move() {
    let _alone = ALONE.lock().await;
    let stage = Stage::set_up(true).await.unwrap();
    let api = outcome(&stage, Arms::Api, 25).await;
    assert_nothing_is_hidden(&api);
    assert_struck(&api, &[Fault::FailedOver, Fault::SlotsMoved]);
}
