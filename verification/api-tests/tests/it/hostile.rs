//! Values that somebody else has put into Redis: whoever is signed in is answered as the database has it, whatever they are.

mod diarist;
mod refusals;

use api_tests::{Kai, RedisChoice, Setup};
use redis::{Cmd, cmd};
use serde_json::{Value, json};

use self::diarist::{Diarist, Reading};

/// What is in every hostile value that has room for it, and must come out nowhere.
const CANARY: &str = "canary-0f1c6e0d5b";

/// No reading is answered from the cache while its record is one of these.
async fn assert_never_served(kai: &Kai, ada: &Diarist, what: &str, plant: impl Fn(&Reading) -> Vec<Cmd>) {
    let all: Vec<Cmd> = ada.readings.iter().flat_map(plant).collect();
    for reading in &ada.readings {
        // A fill of the request before may arrive after the hostile value, and be a fair hit.
        let mut fair = 0;
        loop {
            ada.run(&all).await;
            let reply = ada.check(reading, what).await;
            if reply.cache() != "hit" {
                break;
            }
            fair += 1;
            assert!(fair < 10, "{what}: {} was answered from the cache", reading.path);
        }
    }
    assert_nothing_told(kai);
}

/// Every reading is answered past the cache while its guard is this: also what was filled in under it would not be served.
async fn assert_bypassed(kai: &Kai, ada: &Diarist, what: &str, plant: impl Fn(&str) -> Vec<Cmd>) {
    let all: Vec<Cmd> = ada.readings.iter().flat_map(|reading| plant(&reading.guard)).collect();
    for reading in ada.readings.iter().chain(&ada.readings) {
        ada.run(&all).await;
        assert_eq!(ada.check(reading, what).await.cache(), "bypass", "{what}: {}", reading.path);
    }
    assert_nothing_told(kai);
}

/// Nothing of what was planted is in any line, and nothing went wrong.
fn assert_nothing_told(kai: &Kai) {
    let lines = kai.logs.lines();
    assert!(lines.iter().any(|line| line.text.contains("\"_aws\"")), "nothing was logged at all");
    for line in lines {
        // The schedule's function has to fail as long as it cannot finish.
        let failed = if line.function == "cache-monitor" { "Status: timeout" } else { "Status: " };
        for wrong in [CANARY, "\"message\":\"panic\"", "internal error", "Runtime exited", failed] {
            assert!(!line.text.contains(wrong), "{wrong}: {line:?}");
        }
    }
}

fn set(name: &str, value: &[u8]) -> Vec<Cmd> {
    let mut set = cmd("SET");
    set.arg(name).arg(value).arg("EX").arg(300);
    vec![set]
}

/// Commands that put a value of another type in the place of a string.
fn of_another_type(name: &str, words: &[&str]) -> Vec<Cmd> {
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

/// A record that was damaged, by name.
fn damaged(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let flipped = |byte: usize| {
        let mut flipped = whole.to_vec();
        flipped[byte] ^= 1 << (byte % 8);
        flipped
    };
    let length = whole.len();
    let cuts = [1, 2, 10, 22, length / 2, length - 1].map(|cut| (format!("cut to {cut}"), whole[..cut].to_vec()));
    // In the format's name, the time, the nonce, the text, and the tag.
    let flips = [0, 5, 12, 22, length - 17, length - 1].map(|byte| (format!("byte {byte} flipped"), flipped(byte)));
    let others = [
        ("empty".to_owned(), Vec::new()),
        ("twice".to_owned(), [whole, whole].concat()),
        ("longer".to_owned(), [whole, CANARY.as_bytes()].concat()),
        ("of this format in name only".to_owned(), [b"K1", CANARY.repeat(9).as_bytes()].concat()),
        ("no format".to_owned(), CANARY.repeat(2000).into_bytes()),
        ("invalid UTF-8".to_owned(), vec![0xff; 200]),
    ];
    cuts.into_iter().chain(flips).chain(others).collect()
}

#[tokio::test]
async fn a_damaged_record_is_answered_by_the_database() {
    let kai = Kai::start().await;
    let ada = Diarist::settle(&kai).await;
    let whole = ada.records().await;
    for number in 0..damaged(&whole[0].1).len() {
        let name = &damaged(&whole[0].1)[number].0;
        assert_never_served(&kai, &ada, name, |reading| {
            let (name, record) = whole.iter().find(|(name, _)| *name == reading.record).unwrap();
            set(name, &damaged(record)[number].1)
        })
        .await;
    }
    // What was damaged were records that are served when they are whole.
    for (name, record) in &whole {
        ada.run(&set(name, record)).await;
    }
    for reading in &ada.readings {
        assert_eq!(ada.check(reading, "whole").await.cache(), "hit", "{}", reading.path);
    }
}

#[tokio::test]
async fn what_an_older_program_wrote_is_answered_by_the_database() {
    let kai = Kai::start().await;
    let ada = Diarist::settle(&kai).await;
    let page = format!(r#"{{"entries": [{{"content": "{CANARY}"}}], "total": 1, "page": 1, "page_size": 20}}"#);
    let session = format!(r#"{{"user_id": "{}", "email": "{CANARY}@example.org", "is_active": true}}"#, ada.id);
    let pickle = format!("\u{80}\u{4}\u{95}}}{CANARY}");
    for old in [page, session, pickle, "null".to_owned(), "[]".to_owned(), "{}".to_owned()] {
        assert_never_served(&kai, &ada, &old, |reading| set(&reading.record, old.as_bytes())).await;
    }
    assert_never_served(&kai, &ada, "the answer as plain JSON", |reading| {
        set(&reading.record, forged(reading).to_string().as_bytes())
    })
    .await;
    // What a record holds in our own format, but for the seal.
    assert_never_served(&kai, &ada, "unsealed", |reading| {
        let forged = forged(reading);
        let document = || [&[0; 17], forged.to_string().as_bytes()].concat();
        let session = || json!({"id": ada.id, "expires_at": "2999-01-01T00:00:00Z", "account": forged}).to_string();
        let body = if reading.record.starts_with("session:") { session().into_bytes() } else { document() };
        set(&reading.record, &body)
    })
    .await;
}

/// The right answer, but for a text that gives it away.
fn forged(reading: &Reading) -> Value {
    let mut answer = reading.expected.clone();
    let member = ["email", "communication_style", "content"].into_iter().find(|name| answer.get(name).is_some());
    answer[member.unwrap_or(CANARY)] = CANARY.into();
    answer
}

#[tokio::test]
async fn a_record_of_another_person_or_key_or_generation_is_answered_by_the_database() {
    let kai = Kai::start().await;
    let (mut ada, bob) = (Diarist::settle(&kai).await, Diarist::settle(&kai).await);
    let (mine, theirs) = (ada.records().await, bob.records().await);
    let place = |reading: &Reading| mine.iter().position(|(name, _)| *name == reading.record).unwrap();
    assert_never_served(&kai, &ada, "Bob's", |reading| set(&reading.record, &theirs[place(reading)].1)).await;
    for shift in 1..mine.len() {
        assert_never_served(&kai, &ada, "of another key", |reading| {
            set(&reading.record, &mine[(place(reading) + shift) % mine.len()].1)
        })
        .await;
    }
    let guards = bob.guards().await;
    assert_never_served(&kai, &ada, "Bob's, with his guard", |reading| {
        let (_, guard) = guards
            .iter()
            .find(|(name, _)| name.replace(&bob.id.to_string(), &ada.id.to_string()) == reading.guard)
            .unwrap();
        [set(&reading.guard, guard), set(&reading.record, &theirs[place(reading)].1)].concat()
    })
    .await;
    for reading in &bob.readings {
        bob.check(reading, "nobody touched what is Bob's").await;
    }

    ada.refresh().await;
    let old = ada.records().await;
    ada.live(&kai).await;
    ada.refresh().await;
    assert_never_served(&kai, &ada, "of an old generation", |reading| set(&reading.record, &old[place(reading)].1))
        .await;
}

#[tokio::test]
async fn a_record_of_another_type_is_answered_by_the_database_and_replaced() {
    let kai = Kai::start().await;
    let ada = Diarist::settle(&kai).await;
    for words in TYPES {
        assert_never_served(&kai, &ada, words[0], |reading| of_another_type(&reading.record, words)).await;
        for reading in &ada.readings {
            let healed = ada.get(&reading.path).until_hit().await;
            assert_eq!(healed.json(), reading.expected, "{words:?}");
        }
    }
}

#[tokio::test]
async fn a_guard_that_makes_no_sense_is_answered_by_the_database_until_the_next_write() {
    let kai = Kai::start().await;
    let mut ada = Diarist::settle(&kai).await;
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
    let texts = garbage.map(|value| (format!("{value:?}"), Box::new(move |name: &str| set(name, value)) as Plant));
    let types =
        TYPES.map(|words| (words[0].to_owned(), Box::new(move |name: &str| of_another_type(name, words)) as Plant));
    for (what, plant) in texts.into_iter().chain(types) {
        assert_bypassed(&kai, &ada, &what, plant).await;
        ada.live(&kai).await;
        ada.refresh().await;
    }
    // A marker that nobody will clear.
    let marker = format!("!{CANARY}");
    assert_bypassed(&kai, &ada, "a marker", |guard| set(guard, marker.as_bytes())).await;
}

type Plant = Box<dyn Fn(&str) -> Vec<Cmd>>;

#[tokio::test]
async fn a_record_of_fifty_megabytes_is_answered_by_the_database() {
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = Diarist::settle(&kai).await;
    let page = ada.readings.iter().find(|reading| reading.record.starts_with("journal:list:")).unwrap();
    let mut grow = cmd("SETRANGE");
    grow.arg(&page.record).arg(50 * 1024 * 1024).arg(CANARY);
    ada.run(&[grow]).await;
    for _ in 0..5 {
        assert_ne!(ada.check(page, "50 MB").await.cache(), "hit");
    }
    ada.run(&[Cmd::del(&page.record)]).await;
    ada.warm().await;
    assert_nothing_told(&kai);
}
