//! Tests with records and guards that another program has written. The cache never serves them, and
//! never fails because of them.

use cache::{Cache, Key, Lookup};
use redis::{Cmd, Value, cmd};
use uuid::Uuid;

use crate::server::{Server, begin, key, key_of, put, served, write};

/// Asserts that nothing is served, whether or not Redis replies in time.
async fn assert_not_served(cache: &Cache, key: &Key, what: &str) {
    cache.mark_drained(cache.failures());
    let [lookup] = cache.read([key]).await;
    assert!(!matches!(lookup, Lookup::Hit(_)), "{what} was served");
    assert_eq!(served(cache, key).await, None, "{what}");
}

/// Asserts that the cache recovers with the next fill.
async fn assert_heals(server: &Server, cache: &Cache, key: &Key) {
    put(server, cache, key, "healed").await;
}

#[tokio::test]
async fn a_record_of_another_user_is_not_served_even_with_its_guard() {
    let server = Server::node();
    let (cache, mine, theirs) = (server.cache(), key(), key());
    put(&server, &cache, &mine, "mine").await;
    put(&server, &cache, &theirs, "theirs").await;
    let (record, guard) = (server.get(theirs.record()).unwrap(), server.get(theirs.guard()).unwrap());
    server.set(mine.record(), &record);
    assert_not_served(&cache, &mine, "another user's record").await;
    server.set(mine.guard(), &guard);
    assert_not_served(&cache, &mine, "another user's record under its own generation").await;
    assert_heals(&server, &cache, &mine).await;
}

#[tokio::test]
async fn a_record_of_another_page_is_not_served() {
    let server = Server::node();
    let (cache, owner) = (server.cache(), Uuid::new_v4());
    let (first, second) = (key_of(owner, 1), key_of(owner, 2));
    put(&server, &cache, &first, "page 1").await;
    put(&server, &cache, &second, "page 2").await;
    let (one, two) = (server.get(first.record()).unwrap(), server.get(second.record()).unwrap());
    server.set(first.record(), &two);
    server.set(second.record(), &one);
    assert_not_served(&cache, &first, "page 2").await;
    assert_not_served(&cache, &second, "page 1").await;
}

#[tokio::test]
async fn a_restored_record_of_an_old_generation_is_not_served() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "old").await;
    let old = server.get(key.record()).unwrap();
    write(&server, &cache, &key).await;
    put(&server, &cache, &key, "new").await;
    let new = server.get(key.record()).unwrap();
    server.set(key.record(), &old);
    assert_not_served(&cache, &key, "an old record").await;
    server.set(key.record(), &new);
    assert_eq!(served(&cache, &key).await.as_deref(), Some("new"), "the new record must still be served");
}

#[tokio::test]
async fn a_damaged_record_is_not_served() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "whole").await;
    let whole = server.get(key.record()).unwrap();
    for length in 0..whole.len() {
        server.set(key.record(), &whole[..length]);
        assert_not_served(&cache, &key, &format!("a record cut to {length}")).await;
    }
    for byte in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1 << (byte % 8);
        server.set(key.record(), &flipped);
        assert_not_served(&cache, &key, &format!("a record with byte {byte} flipped")).await;
    }
    for (what, strange) in [
        ("JSON of the original service", br#"{"entries": [], "total": 0, "page": 1}"#.to_vec()),
        ("a longer record", [whole.clone(), vec![0]].concat()),
        ("two records", [whole.clone(), whole.clone()].concat()),
        ("text", "größer als erwartet ".repeat(100).into_bytes()),
    ] {
        server.set(key.record(), &strange);
        assert_not_served(&cache, &key, what).await;
    }
    server.set(key.record(), &whole);
    assert_eq!(served(&cache, &key).await.as_deref(), Some("whole"));
    server.del(key.record());
    assert_heals(&server, &cache, &key).await;
}

#[tokio::test]
async fn a_record_of_50_megabytes_is_not_served() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "small").await;
    server.run(cmd("SETRANGE").arg(key.record()).arg(50 * 1024 * 1024).arg("x"));
    for _ in 0..5 {
        cache.mark_drained(cache.failures());
        let [lookup] = cache.read([&key]).await;
        assert!(!matches!(lookup, Lookup::Hit(_)));
    }
    server.del(key.record());
    assert_heals(&server, &cache, &key).await;
}

/// Returns commands that create the key with each type except a string.
fn of_other_types(name: &str) -> Vec<Cmd> {
    let make = |words: &[&str]| {
        let mut command = cmd(words[0]);
        command.arg(name).arg(&words[1..]);
        command
    };
    [["RPUSH", "a"].as_slice(), &["SADD", "a"], &["HSET", "a", "b"], &["ZADD", "1", "a"], &["XADD", "*", "a", "b"]]
        .map(make)
        .into()
}

#[tokio::test]
async fn a_record_of_another_type_is_a_miss_that_the_next_fill_replaces() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    for command in of_other_types(key.record()) {
        put(&server, &cache, &key, "before").await;
        server.del(key.record());
        assert!(!matches!(server.run(&command), Value::ServerError(_)));
        assert_not_served(&cache, &key, "a record of another type").await;
        let slot = crate::server::miss(&cache, &key).await;
        cache.fill(slot, b"after".to_vec());
        crate::server::until(async || {
            server.run(cmd("TYPE").arg(key.record())) == Value::SimpleString("string".into())
        })
        .await;
        assert_eq!(served(&cache, &key).await.as_deref(), Some("after"));
        write(&server, &cache, &key).await;
    }
}

#[tokio::test]
async fn a_guard_of_another_type_is_a_bypass_that_the_next_write_removes() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    for command in of_other_types(key.guard()) {
        put(&server, &cache, &key, "before").await;
        server.del(key.guard());
        assert!(!matches!(server.run(&command), Value::ServerError(_)));
        for _ in 0..3 {
            cache.mark_drained(cache.failures());
            let [lookup] = cache.read([&key]).await;
            assert!(matches!(lookup, Lookup::Bypass), "{lookup:?}");
        }
        let guard = cache.begin(vec![key.guard().to_owned()]).await;
        assert!(guard.end().await);
        assert_eq!(served(&cache, &key).await, None);

        server.run(&command);
        crate::server::until(async || cache.invalidate(&[key.guard().to_owned()]).await).await;
        assert_heals(&server, &cache, &key).await;
    }
}

#[tokio::test]
async fn a_malformed_guard_is_a_bypass_until_the_next_write() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    for strange in [b"".as_slice(), b"g", b"gshort", b"7", b"G0123456789abcdef", b"g0123456789abcdefg", b"\"json\""] {
        put(&server, &cache, &key, "before").await;
        server.set(key.guard(), strange);
        for _ in 0..3 {
            cache.mark_drained(cache.failures());
            let [lookup] = cache.read([&key]).await;
            assert!(matches!(lookup, Lookup::Bypass), "{strange:?}: {lookup:?}");
        }
        // A marker replaces the malformed value, and the end of the write clears the marker.
        let guard = begin(&server, &cache, &[&key]).await;
        assert!(guard.end().await);
        assert_eq!(served(&cache, &key).await, None);
    }
}

#[tokio::test]
async fn the_text_of_users_is_unreadable_in_redis() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "I slept badly again, and I cannot tell anybody").await;
    let resting = server.get(key.record()).unwrap();
    for word in ["slept", "badly", "anybody"] {
        assert!(!resting.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
    }
    assert!(served(&cache, &key).await.is_some());
}
