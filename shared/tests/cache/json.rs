//! Plain keys: sealed values with a time to live, behind no guard.

use std::time::Duration;

use redis::{Value, cmd};
use serde::{Deserialize, Serialize};
use shared::cache::{Family, Key, Unreachable};
use uuid::Uuid;

use crate::server::{Server, cache_at, until};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Thing {
    name: String,
    number: u32,
}

fn thing() -> Thing {
    Thing { name: "Größe".to_owned(), number: 7 }
}

fn key() -> Key {
    let owner = Uuid::new_v4();
    Family { prefix: "plain", ttl: Duration::from_secs(1800) }.key(owner, format!("plain:{owner}"))
}

/// Repeats what a busy machine has made late.
macro_rules! answered {
    ($operation:expr) => {{
        let mut answer = None;
        for _ in 0..200 {
            match $operation.await {
                Ok(value) => {
                    answer = Some(value);
                    break;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        answer.expect("no answer in ten seconds")
    }};
}

#[tokio::test]
async fn a_value_comes_back_as_it_was_and_rests_sealed_with_its_time_to_live() {
    for server in [Server::node(), Server::cluster()] {
        let (cache, key) = (server.cache(), key());
        assert_eq!(answered!(cache.get_json::<Thing>(&key)), None);
        assert!(answered!(cache.set_json(&key, &thing())));
        assert_eq!(answered!(server.cache().get_json(&key)), Some(thing()));
        let resting = server.get(key.record()).unwrap();
        assert!(!resting.windows(4).any(|window| window == b"name"), "readable");
        let left = answered!(cache.ttl(key.record())).unwrap();
        assert!((1_790..=1_800).contains(&left.as_secs()), "{left:?}");
        assert_eq!(server.run(cmd("EXISTS").arg(key.guard())), Value::Int(0), "plain keys have no guard");
    }
}

#[tokio::test]
async fn what_is_expired_foreign_moved_or_of_another_type_is_absent() {
    let server = Server::node();
    let (cache, key, other) = (server.cache(), key(), key());
    assert!(answered!(cache.set_json(&key, &thing())));
    assert_eq!(answered!(cache.get_json::<Vec<u8>>(&key)), None, "another type");

    server.run(cmd("COPY").arg(key.record()).arg(other.record()));
    assert_eq!(answered!(cache.get_json::<Thing>(&other)), None, "moved");

    server.set(key.record(), r#"{"name": "Größe", "number": 7}"#.as_bytes());
    assert_eq!(answered!(cache.get_json::<Thing>(&key)), None, "not sealed");

    server.del(key.record());
    server.run(cmd("LPUSH").arg(key.record()).arg("x"));
    assert_eq!(answered!(cache.get_json::<Thing>(&key)), None, "a list");

    assert!(answered!(cache.set_json(&key, &thing())), "a value replaces whatever is there");
    server.lapse(key.record()).await;
    assert_eq!(answered!(cache.get_json::<Thing>(&key)), None, "expired");
}

#[tokio::test]
async fn a_guarded_record_cannot_be_read_as_a_plain_one_nor_the_other_way_round() {
    let server = Server::node();
    let (cache, key) = (server.cache(), crate::server::key());
    crate::server::put(&server, &cache, &key, "7").await;
    assert_eq!(answered!(cache.get_json::<u8>(&key)), None);
    assert!(answered!(cache.set_json(&key, &7)));
    assert_eq!(crate::server::served(&cache, &key).await, None);
}

#[tokio::test]
async fn delete_exists_and_ttl_tell_what_was_there() {
    let server = Server::node();
    let cache = server.cache();
    assert!(!answered!(cache.exists("thing")));
    assert_eq!(answered!(cache.ttl("thing")), None);
    server.run(cmd("SET").arg("thing").arg(1));
    assert!(answered!(cache.exists("thing")));
    assert_eq!(answered!(cache.ttl("thing")), None, "it never expires");
    server.run(cmd("PEXPIRE").arg("thing").arg(60_000));
    assert!(answered!(cache.ttl("thing")).is_some_and(|left| left <= Duration::from_secs(60)));
    // If a late deletion is repeated, it finds nothing; so the first one counts whatever it says.
    let deleted = cache.delete("thing").await;
    assert!(deleted == Ok(true) || deleted.is_err());
    until(async || cache.delete("thing").await == Ok(false)).await;
    assert!(!answered!(cache.exists("thing")));
    answered!(cache.ping());
}

#[tokio::test]
async fn without_redis_every_operation_says_so_at_once() {
    let cache = cache_at("redis://127.0.0.1:1");
    let key = key();
    let mut errors = vec![
        cache.ping().await.unwrap_err(),
        cache.get_json::<Thing>(&key).await.unwrap_err(),
        cache.set_json(&key, &thing()).await.unwrap_err(),
        cache.delete("thing").await.unwrap_err(),
        cache.exists("thing").await.unwrap_err(),
        cache.ttl("thing").await.unwrap_err(),
    ];
    assert_eq!(errors.remove(0), Unreachable::CircuitOpen { opened: true });
    assert_eq!(errors, [Unreachable::CircuitOpen { opened: false }; 5]);
}
