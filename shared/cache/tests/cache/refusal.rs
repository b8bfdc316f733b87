//! Tests with a Redis that replies with errors or with invalid data. Lookups become bypasses, and
//! writes go to the outbox.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache::{Key, Lookup, Unreachable};
use redis::cmd;

use crate::fake::{Fake, Words};
use crate::server::{Server, cache_at, key, miss, put, served, until};

const REFUSALS: [&str; 8] = [
    "-LOADING Redis is loading the dataset in memory\r\n",
    "-READONLY You can't write against a read only replica.\r\n",
    "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "-MOVED 3999 127.0.0.1:1\r\n",
    "-NOPERM User default has no permissions to run the 'set' command\r\n",
    "-NOAUTH Authentication required.\r\n",
    "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
    "-ERR\r\n",
];

#[tokio::test]
async fn an_error_of_redis_makes_lookups_bypasses_and_leaves_writes_to_the_outbox() {
    for refusal in REFUSALS {
        let fake = Fake::always(refusal.as_bytes());
        let (cache, key) = (cache_at(&fake.url()), key());
        // More lookups than it takes to open the breaker, so that both kinds of bypass occur.
        for _ in 0..5 {
            cache.mark_drained(cache.failures());
            let [lookup] = cache.read([&key]).await;
            assert!(matches!(lookup, Lookup::Bypass), "{refusal}: {lookup:?}");
        }
        let guard = cache.begin(vec![key.guard().to_owned()]).await;
        assert_eq!(guard.unmarked(), [key.guard()], "{refusal}");
        assert!(!guard.end().await, "{refusal}");
        assert!(!cache.invalidate(&[key.guard().to_owned()]).await, "{refusal}");
        // A new cache for each command, because an open breaker would not send it.
        let fresh = || cache_at(&fake.url());
        assert!(fresh().ping().await.is_err(), "{refusal}");
        assert!(fresh().count([("thing", Duration::from_secs(1))]).await.is_err(), "{refusal}");
        assert!(cache.count([("thing", Duration::from_secs(1))]).await.is_err(), "{refusal}");
    }
}

/// Returns the reply of a Redis without keys.
fn empty(words: &Words) -> &'static [u8] {
    match words[0].as_slice() {
        b"GET" => b"$-1\r\n",
        b"SET" if words.contains(&b"GET".to_vec()) => b"$-1\r\n",
        b"SET" => b"+OK\r\n",
        b"PING" => b"+PONG\r\n",
        b"EVAL" if words[1].starts_with(b"local n = redis.call('INCR'") => b"*2\r\n:1\r\n:1000\r\n",
        _ => b":1\r\n",
    }
}

/// Asserts that an operation succeeds if this is possible, and fails otherwise. An operation that
/// can succeed is repeated, because a reply may be late on a busy machine.
async fn succeeds_only_if(possible: bool, what: &str, mut operation: impl AsyncFnMut() -> bool) {
    match possible {
        true => until(operation).await,
        false => assert!(!operation().await, "{what}"),
    }
}

/// An ACL may forbid a single command, and a full server rejects some commands. The others succeed.
#[tokio::test]
async fn a_single_rejected_command_only_affects_the_operations_that_need_it() {
    for refusal in REFUSALS {
        for refused in ["GET", "SET", "EVAL", "UNLINK"] {
            let what = format!("{refused}: {refusal}");
            let fake = Fake::start(move |_, words| match words[0] == refused.as_bytes() {
                true => refusal.as_bytes().to_vec(),
                false => empty(words).to_vec(),
            });
            let cache = || cache_at(&fake.url());
            let (key, guards) = (key(), |key: &Key| vec![key.guard().to_owned()]);
            let look_up = async || {
                let [lookup] = cache().read([&key]).await;
                lookup
            };
            match refused {
                // Without the guard, the generation is unknown.
                "SET" => {
                    let lookup = look_up().await;
                    assert!(matches!(lookup, Lookup::Bypass), "{what}: {lookup:?}");
                }
                // Without the record, the lookup is a miss. If the error requires a new connection,
                // it is a bypass.
                "GET" => {
                    let lookup = look_up().await;
                    assert!(!matches!(lookup, Lookup::Hit(_)), "{what}: {lookup:?}");
                }
                _ => until(async || matches!(look_up().await, Lookup::Miss(_))).await,
            }
            let is_spared = |needed: &str| refused != needed;
            succeeds_only_if(is_spared("EVAL"), &what, async || {
                cache().begin(guards(&key)).await.unmarked().is_empty()
            })
            .await;
            succeeds_only_if(is_spared("EVAL"), &what, async || cache().begin(guards(&key)).await.end().await).await;
            succeeds_only_if(is_spared("EVAL"), &what, async || cache().invalidate(&guards(&key)).await).await;
            let second = Duration::from_secs(1);
            succeeds_only_if(is_spared("EVAL"), &what, async || cache().count([("thing", second)]).await.is_ok()).await;
            // A caller that cannot lock the record computes it: twice is better than never.
            assert!(cache().fill_lock(&key, Duration::from_secs(1)).await.is_some(), "{what}");
        }
    }
}

#[tokio::test]
async fn an_invalid_reply_is_a_bypass() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\u{0}\u{1}\u{2}",
        "$x\r\n",
        "*1000000000\r\n",
        "$9999999999\r\nx",
        ":1\r\n",
    ] {
        let fake = Fake::always(answer.as_bytes());
        let (cache, key) = (cache_at(&fake.url()), key());
        for _ in 0..3 {
            cache.mark_drained(cache.failures());
            let [lookup] = cache.read([&key]).await;
            assert!(matches!(lookup, Lookup::Bypass), "{answer:?}: {lookup:?}");
        }
        assert!(cache.count([("thing", Duration::from_secs(1))]).await.is_err(), "{answer:?}");
    }
}

#[tokio::test]
async fn no_record_of_a_read_only_redis_is_served_and_no_write_is_lost() {
    // A replica in place of the primary, as after a failover that the DNS name does not reflect
    // yet.
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "before").await;
    server.run(cmd("REPLICAOF").arg("127.0.0.1").arg(1));
    for _ in 0..3 {
        assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
    }
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(!guard.end().await);
    server.run(cmd("REPLICAOF").arg("NO").arg("ONE"));
    assert_eq!(served(&cache, &key).await.as_deref(), Some("before"), "no write was committed, so the record is valid");
}

#[tokio::test]
async fn no_record_of_a_full_redis_is_served_and_no_write_is_lost() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "before").await;
    server.run(cmd("CONFIG").arg("SET").arg("maxmemory").arg(1));
    for _ in 0..3 {
        assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
    }
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    guard.end().await;
    server.run(cmd("CONFIG").arg("SET").arg("maxmemory").arg(0));
    put(&server, &cache, &key, "after").await;
}

#[tokio::test]
async fn lookups_with_a_wrong_or_missing_password_are_bypasses() {
    let server = Server::node();
    server.run(cmd("CONFIG").arg("SET").arg("requirepass").arg("right"));
    let url = server.url();
    for login in ["", ":wrong@", "nobody:right@"] {
        let (cache, key) = (cache_at(&url.replace("redis://", &format!("redis://{login}"))), key());
        assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]), "{login}");
        assert_eq!(cache.begin(vec![key.guard().to_owned()]).await.unmarked(), [key.guard()], "{login}");
    }
    let cache = cache_at(&url.replace("redis://", "redis://:right@"));
    until(async || cache.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_refused_connection_opens_the_breaker_and_is_reported_once() {
    let cache = cache_at("redis://127.0.0.1:1");
    assert_eq!(cache.ping().await, Err(Unreachable::CircuitOpen { opened: true }));
    assert_eq!(cache.ping().await, Err(Unreachable::CircuitOpen { opened: false }));
}

/// The commands on a connection that seemed dead may still arrive at any later time. If they
/// proposed the same generation as the second attempt, they could make it live again after a write
/// has dropped it.
#[tokio::test]
async fn a_lookup_that_is_sent_again_proposes_and_uses_another_generation() {
    let replies = Arc::new(Mutex::new((b"$-1\r\n".to_vec(), b"$-1\r\n".to_vec())));
    let (answers, commands) = (Arc::clone(&replies), AtomicUsize::new(0));
    let fake = Fake::start(move |connection, words| {
        let (guard, record) = answers.lock().unwrap().clone();
        // The first connection breaks at its second lookup.
        if connection == 0 && commands.fetch_add(1, Ordering::SeqCst) >= 2 {
            return b"?\r\n".to_vec();
        }
        if words[0] == b"SET" && words.contains(&b"NX".to_vec()) { guard } else { record }
    });
    let (cache, key) = (cache_at(&fake.url()), key());
    let proposals = |sent: Vec<Words>| -> Vec<Vec<u8>> {
        sent.into_iter().filter(|words| words.contains(&b"NX".to_vec())).map(|words| words[2].clone()).collect()
    };
    miss(&cache, &key).await;
    fake.take();
    let slot = miss(&cache, &key).await;
    let [first, second] = proposals(fake.take()).try_into().unwrap();
    assert_ne!(first, second);

    cache.fill(slot, b"body".to_vec());
    until(async || fake.has_received()).await;
    let record = fake.take()[0][2].clone();
    let bulk = |value: &[u8]| [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
    for (live, expected) in [(&first, None), (&second, Some("body".to_owned()))] {
        *replies.lock().unwrap() = (bulk(live), bulk(&record));
        assert_eq!(served(&cache, &key).await, expected);
    }
}
