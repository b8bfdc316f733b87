//! The replacement of a function's binary.

use std::fs;

use serde_json::json;

use crate::test_emulator::{CATCH_ALL, fixture, start};
use crate::wait::{wait_until_gone, with_timeout};

#[tokio::test]
async fn a_new_binary_takes_over_without_a_lost_request() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let test = start(CATCH_ALL).await;
    let old = test.invoke(&json!({"count": true})).await["pid"].clone();
    test.emulator.idle().await;
    let instructions = json!({"wait-for": release, "count": true});
    let busy = test.invoke(&instructions);
    let replaced = async {
        test.dispatched(2).await;
        test.emulator.replace("fixture").await.unwrap();
        let new = test.invoke(&json!({"count": true})).await["pid"].clone();
        fs::write(&release, "").unwrap();
        new
    };
    let (busy, new) = tokio::join!(busy, with_timeout(replaced));
    assert_eq!(busy["pid"], old, "the busy environment finished");
    assert_ne!(new, old);
    wait_until_gone(old.as_u64().unwrap() as u32).await;
    test.emulator.idle().await;
    test.emulator.replace("Fixture").await.unwrap();
    assert_eq!(test.emulator.environments(), []);
    assert!(test.emulator.replace("other").await.is_err());
}

#[tokio::test]
async fn a_replaced_environment_accepts_no_new_event_even_if_it_has_free_slots() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let test = start(&fixture(10, "").replace("FIXTURE_INIT: ''", "AWS_LAMBDA_MAX_CONCURRENCY: 4")).await;
    let instructions = json!({"wait-for": release, "count": true});
    let busy = test.invoke(&instructions);
    let next = async {
        test.dispatched(1).await;
        test.emulator.replace("fixture").await.unwrap();
        let next = test.invoke(&json!({"count": true})).await;
        fs::write(&release, "").unwrap();
        next
    };
    let (busy, next) = tokio::join!(busy, with_timeout(next));
    assert_ne!(busy["pid"], next["pid"]);
}
