//! Corrupt values in Redis. Every response contains the data of the database, regardless of the
//! values in Redis.

mod cached_user;
mod logs;
mod redis_errors;

use std::time::Duration;

use api_tests::{RedisChoice, Setup, TestApp, wait_until};
use redis::{Cmd, cmd};
use serde_json::{Value, json};

use self::cached_user::{CachedRead, CachedUser};
use self::logs::{CANARY, assert_clean_logs};

/// The commands that store a corrupt value under a key.
type Corruption = Box<dyn Fn(&str) -> Vec<Cmd>>;

/// Asserts that no read is served from the cache while `corrupt` replaces its record.
async fn assert_never_served(app: &TestApp, ada: &CachedUser, what: &str, corrupt: impl Fn(&CachedRead) -> Vec<Cmd>) {
    let all: Vec<Cmd> = ada.reads.iter().flat_map(corrupt).collect();
    for read in &ada.reads {
        // A late fill of the previous request may replace the corrupt value. Then the hit is valid.
        let mut valid_hits = 0;
        loop {
            ada.run(&all).await;
            let response = ada.check(read, what).await;
            if response.cache_status() != "hit" {
                break;
            }
            valid_hits += 1;
            assert!(valid_hits < 10, "{what}: {} was served from the cache", read.path);
        }
    }
    assert_clean_logs(app);
}

/// Asserts that every read bypasses the cache while `corrupt` replaces its guard. The second round
/// shows that a record filled under the corrupt guard is not served either.
async fn assert_bypassed(app: &TestApp, ada: &CachedUser, what: &str, corrupt: impl Fn(&str) -> Vec<Cmd>) {
    let all: Vec<Cmd> = ada.reads.iter().flat_map(|read| corrupt(&read.guard)).collect();
    for read in ada.reads.iter().chain(&ada.reads) {
        ada.run(&all).await;
        assert_eq!(ada.check(read, what).await.cache_status(), "bypass", "{what}: {}", read.path);
    }
    assert_clean_logs(app);
}

fn set(name: &str, value: &[u8]) -> Vec<Cmd> {
    let mut set = cmd("SET");
    set.arg(name).arg(value).arg("EX").arg(300);
    vec![set]
}

/// Returns the commands that replace a string with a value of another type.
fn replace_by(name: &str, words: &[&str]) -> Vec<Cmd> {
    let mut make = cmd(words[0]);
    make.arg(name).arg(&words[1..]);
    vec![Cmd::del(name), make]
}

const TYPES: [&[&str]; 5] = [
    &["RPUSH", CANARY, CANARY],
    &["SADD", CANARY],
    &["HSET", "entries", CANARY],
    &["ZADD", "1", CANARY],
    &["XADD", "*", "entries", CANARY],
];

/// Returns damaged variants of a record with their descriptions.
fn damaged_variants(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let flipped = |byte: usize| {
        let mut flipped = whole.to_vec();
        flipped[byte] ^= 1 << (byte % 8);
        flipped
    };
    let length = whole.len();
    let cuts = [1, 2, 10, 22, length / 2, length - 1].map(|cut| (format!("cut to {cut}"), whole[..cut].to_vec()));
    // The positions are in the format name, the time, the nonce, the ciphertext and the tag.
    let flips = [0, 5, 12, 22, length - 17, length - 1].map(|byte| (format!("byte {byte} flipped"), flipped(byte)));
    let others = [
        ("empty".to_owned(), Vec::new()),
        ("twice".to_owned(), [whole, whole].concat()),
        ("longer".to_owned(), [whole, CANARY.as_bytes()].concat()),
        ("only the format name".to_owned(), [b"K1", CANARY.repeat(9).as_bytes()].concat()),
        ("another format".to_owned(), CANARY.repeat(2000).into_bytes()),
        ("invalid UTF-8".to_owned(), vec![0xff; 200]),
    ];
    cuts.into_iter().chain(flips).chain(others).collect()
}

#[tokio::test]
async fn a_damaged_record_is_ignored_and_the_database_is_queried() {
    let app = TestApp::start().await;
    let ada = CachedUser::start(&app).await;
    let whole = ada.records().await;
    for number in 0..damaged_variants(&whole[0].1).len() {
        let name = &damaged_variants(&whole[0].1)[number].0;
        assert_never_served(&app, &ada, name, |read| {
            let (name, record) = whole.iter().find(|(name, _)| *name == read.record).unwrap();
            set(name, &damaged_variants(record)[number].1)
        })
        .await;
    }
    // The undamaged records are served.
    for (read, (name, record)) in ada.reads.iter().zip(&whole) {
        wait_until(Duration::from_secs(10), &read.path, async || {
            ada.run(&set(name, record)).await;
            ada.check(read, "whole").await.cache_status() == "hit"
        })
        .await;
    }
}

#[tokio::test]
async fn a_record_in_a_foreign_format_is_ignored_and_the_database_is_queried() {
    let app = TestApp::start().await;
    let ada = CachedUser::start(&app).await;
    let page = format!(r#"{{"entries": [{{"content": "{CANARY}"}}], "total": 1, "page": 1, "page_size": 20}}"#);
    let session = format!(r#"{{"user_id": "{}", "email": "{CANARY}@example.org", "is_active": true}}"#, ada.id);
    let pickle = format!("\u{80}\u{4}\u{95}}}{CANARY}");
    for old in [page, session, pickle, "null".to_owned(), "[]".to_owned(), "{}".to_owned()] {
        assert_never_served(&app, &ada, &old, |read| set(&read.record, old.as_bytes())).await;
    }
    assert_never_served(&app, &ada, "the response as plain JSON", |read| {
        set(&read.record, forged(read).to_string().as_bytes())
    })
    .await;
    // The contents of a record before it is sealed.
    assert_never_served(&app, &ada, "an unsealed record", |read| {
        let forged = forged(read);
        let document = || [&[0; 17], forged.to_string().as_bytes()].concat();
        let session = || json!({"id": ada.id, "expires_at": "2999-01-01T00:00:00Z", "account": forged}).to_string();
        let body = if read.record.starts_with("session:") { session().into_bytes() } else { document() };
        set(&read.record, &body)
    })
    .await;
}

/// Returns the expected response with a different text, which would reveal that the record was
/// served.
fn forged(read: &CachedRead) -> Value {
    let mut answer = read.expected.clone();
    let member = ["email", "communication_style", "content"].into_iter().find(|name| answer.get(name).is_some());
    answer[member.unwrap_or(CANARY)] = CANARY.into();
    answer
}

#[tokio::test]
async fn a_record_of_another_user_key_or_generation_is_ignored_and_the_database_is_queried() {
    let app = TestApp::start().await;
    let (mut ada, bob) = (CachedUser::start(&app).await, CachedUser::start(&app).await);
    let (mine, theirs) = (ada.records().await, bob.records().await);
    let index = |read: &CachedRead| mine.iter().position(|(name, _)| *name == read.record).unwrap();
    assert_never_served(&app, &ada, "Bob's record", |read| set(&read.record, &theirs[index(read)].1)).await;
    for shift in 1..mine.len() {
        assert_never_served(&app, &ada, "the record of another key", |read| {
            set(&read.record, &mine[(index(read) + shift) % mine.len()].1)
        })
        .await;
    }
    let guards = bob.guards().await;
    assert_never_served(&app, &ada, "Bob's record with his guard", |read| {
        let (_, guard) = guards
            .iter()
            .find(|(name, _)| name.replace(&bob.id.to_string(), &ada.id.to_string()) == read.guard)
            .unwrap();
        [set(&read.guard, guard), set(&read.record, &theirs[index(read)].1)].concat()
    })
    .await;
    for read in &bob.reads {
        bob.check(read, "Bob's data are unchanged").await;
    }

    ada.refresh().await;
    let old = ada.records().await;
    ada.write_everything(&app).await;
    ada.refresh().await;
    assert_never_served(&app, &ada, "a record of an old generation", |read| set(&read.record, &old[index(read)].1))
        .await;
}

#[tokio::test]
async fn a_record_of_another_redis_type_is_ignored_and_replaced() {
    let app = TestApp::start().await;
    let ada = CachedUser::start(&app).await;
    for words in TYPES {
        assert_never_served(&app, &ada, words[0], |read| replace_by(&read.record, words)).await;
        for read in &ada.reads {
            let response = ada.get(&read.path).until_hit().await;
            assert_eq!(response.json(), read.expected, "{words:?}");
        }
    }
}

#[tokio::test]
async fn reads_bypass_an_invalid_guard_until_the_next_write() {
    let app = TestApp::start().await;
    let mut ada = CachedUser::start(&app).await;
    let garbage: [&[u8]; 8] = [
        b"",
        b"g",
        CANARY.as_bytes(),
        b"gcanary-0f1c6e0d5b",
        b"G0123456789abcdef",
        b"7",
        br#"{"generation": "canary-0f1c6e0d5b"}"#,
        &[0xff; 17],
    ];
    let texts = garbage.map(|value| (format!("{value:?}"), Box::new(move |name: &str| set(name, value)) as Corruption));
    let types =
        TYPES.map(|words| (words[0].to_owned(), Box::new(move |name: &str| replace_by(name, words)) as Corruption));
    for (what, corrupt) in texts.into_iter().chain(types) {
        assert_bypassed(&app, &ada, &what, corrupt).await;
        ada.write_everything(&app).await;
        ada.refresh().await;
    }
    // This marker is never cleared.
    let marker = format!("!{CANARY}");
    assert_bypassed(&app, &ada, "a marker", |guard| set(guard, marker.as_bytes())).await;
}

#[tokio::test]
async fn a_record_of_50_megabytes_is_ignored_and_the_database_is_queried() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = CachedUser::start(&app).await;
    let page = ada.reads.iter().find(|read| read.record.starts_with("journal:list:")).unwrap();
    let mut grow = cmd("SETRANGE");
    grow.arg(&page.record).arg(50 * 1024 * 1024).arg(CANARY);
    ada.run(&[grow]).await;
    for _ in 0..5 {
        assert_ne!(ada.check(page, "50 MB").await.cache_status(), "hit");
    }
    ada.run(&[Cmd::del(&page.record)]).await;
    ada.warm().await;
    assert_clean_logs(&app);
}
