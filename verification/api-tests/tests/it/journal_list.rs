//! Tests of `GET /api/journal/entries`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use api_tests::{Setup, TestApp, entry_ids, wait_until};
use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::time::sleep;

#[tokio::test]
async fn the_list_of_an_empty_journal_is_an_empty_page() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for page in [ada.list_entries().await, ada.get("/api/journal/entries").until_hit().await] {
        assert_eq!(page.json(), json!({"entries": [], "total": 0, "page": 1, "page_size": 20, "has_more": false}));
    }
}

#[tokio::test]
async fn pages_of_every_size_list_each_entry_once_even_if_times_are_equal() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    // One statement gives all entries the same time.
    let entries = "INSERT INTO journal_entries (id, user_id, content) SELECT gen_random_uuid(), $1, 'x' FROM generate_series(1, 23)";
    app.query(entries, &[&ada.id]).await;
    for size in [1, 7, 20, 23, 100] {
        let mut seen = Vec::new();
        for page in 1.. {
            let body = ada.get(format!("/api/journal/entries?page={page}&page_size={size}")).await.expect_success();
            assert_eq!((&body["page"], &body["page_size"], &body["total"]), (&json!(page), &json!(size), &json!(23)));
            seen.extend(entry_ids(&body));
            let more = seen.len() < 23;
            assert_eq!(body["has_more"], more);
            if !more {
                break;
            }
        }
        let mut sorted = seen.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted.dedup();
        assert_eq!(seen, sorted, "page size {size}");
    }
    let beyond = ada.get("/api/journal/entries?page=10000&page_size=100").await.expect_success();
    assert_eq!(beyond, json!({"entries": [], "total": 23, "page": 10000, "page_size": 100, "has_more": false}));
}

#[tokio::test]
async fn only_the_selected_fields_are_returned_and_each_selection_is_cached_separately() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let entry = ada.create_entry("a long day").await;
    let select = async |fields: &str| ada.get(format!("/api/journal/entries?fields={fields}")).await;
    let some = select("id,title,created_at").await;
    let expected = json!({"id": entry["id"], "title": entry["title"], "created_at": entry["created_at"]});
    assert_ne!(some.cache_status(), "hit");
    assert_eq!(some.json()["entries"], json!([expected]));
    let reordered = ada.get("/api/journal/entries?fields=created_at,title,id,id").until_hit().await;
    assert_eq!(reordered.body, some.body);
    let other = select("content").await;
    assert_ne!(other.cache_status(), "hit");
    assert_eq!(other.json()["entries"], json!([{"content": "a long day"}]));
    assert_eq!(ada.list_entries().await.json()["entries"], json!([entry]));
    ada.create_entry("another").await;
    assert_eq!(select("content").await.json()["entries"], json!([{"content": "another"}, {"content": "a long day"}]));
}

#[tokio::test]
async fn a_user_id_is_optional_and_must_be_the_callers() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    bob.create_entry("private").await;
    assert_eq!(ada.get(format!("/api/journal/entries?user_id={}", ada.id)).await.expect_success()["total"], 0);
    for other in [bob.id, uuid::Uuid::now_v7()] {
        ada.get(format!("/api/journal/entries?user_id={other}")).await.expect_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn every_list_after_a_create_shows_the_new_entry_in_every_environment() {
    let app = TestApp::start_with(Setup { reuse_wait: Duration::ZERO, ..Setup::default() }).await;
    let ada = app.new_user().await;
    let environments = || app.emulator.environments().iter().filter(|info| info.function == "journal-list").count();
    wait_until(Duration::from_secs(30), "two environments are running", async || {
        join_all((0..8).map(|_| ada.list_entries())).await;
        environments() >= 2
    })
    .await;
    for number in 1..=50 {
        let entry = ada.create_entry("the newest").await;
        for page in join_all((0..3).map(|_| ada.list_entries())).await {
            let page = page.json();
            assert_eq!((&page["total"], &page["entries"][0]["id"]), (&json!(number), &entry["id"]));
        }
        let cached = ada.get("/api/journal/entries").until_hit().await.json();
        assert_eq!(cached["entries"][0]["id"], entry["id"]);
    }
    assert!(environments() >= 2, "a single environment proves nothing about others");
}

#[tokio::test]
async fn no_list_that_starts_after_an_acknowledged_create_misses_it() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let (acknowledged, hits, is_done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let writer = async {
        // On a busy machine, it takes more writes until the cache has been used often enough.
        for number in 1..=1000 {
            ada.create_entry("one of many").await;
            acknowledged.fetch_add(1, Ordering::SeqCst);
            if number >= 60 && hits.load(Ordering::SeqCst) >= 20 {
                break;
            }
            sleep(Duration::from_millis(15)).await;
        }
        is_done.store(true, Ordering::SeqCst);
    };
    let readers = (0..3).map(|_| async {
        while !is_done.load(Ordering::SeqCst) {
            let before = acknowledged.load(Ordering::SeqCst);
            let page = ada.list_entries().await;
            let total = page.json()["total"].as_u64().unwrap();
            assert!(total >= before, "{total} listed ({}) after {before} were acknowledged", page.cache_status());
            hits.fetch_add(u64::from(page.cache_status() == "hit"), Ordering::SeqCst);
        }
    });
    join(writer, join_all(readers)).await;
    let hits = hits.into_inner();
    assert!(hits >= 20, "only {hits} hits: the cache was hardly used");
}

#[tokio::test]
async fn gzip_saves_at_least_60_percent_on_a_realistic_list() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (number, text) in ENTRIES.iter().enumerate() {
        let (title, content) = text.split_once(": ").unwrap();
        let tags = [["walk", "work"], ["sleep", "family"], ["friends", "health"]][number % 3];
        let mood = f64::from(u8::try_from(number * 7 % 19).unwrap()) / 2.0 + 1.0;
        let body = json!({"title": title, "content": content, "mood": mood, "mood_emoji": "🙂", "tags": tags});
        ada.post("/api/journal/entries", &body).await.expect_success();
    }
    let compressed = ada.get("/api/journal/entries").header("accept-encoding", "gzip").await;
    let plain = ada.get("/api/journal/entries").await;
    assert_eq!((compressed.header("content-encoding"), plain.header("content-encoding")), (Some("gzip"), None));
    assert_eq!(compressed.json(), plain.json());
    assert_eq!(plain.json()["entries"].as_array().unwrap().len(), 20);
    let (compressed, plain) = (compressed.body.len(), plain.body.len());
    assert!(compressed * 10 <= plain * 4, "{compressed} of {plain} bytes");
}

/// Realistic entries, all different.
const ENTRIES: [&str; 20] = [
    "After the rain: Walked home along the canal instead of taking the tram. The water was still, and for once I did not check my phone.",
    "Review: Thursday's review went better than I feared. Two questions caught me out, but I could say that I would look them up.",
    "Three in the morning: Woke up and could not get back to sleep until five. I wrote a list of what worried me; it had four lines.",
    "Lena called: We talked for an hour about nothing in particular. I noticed afterwards that my shoulders had come down.",
    "Soup: Cooked properly for the first time in weeks. Leeks, potatoes, too much pepper. Ate it standing at the window.",
    "The new desk: They moved me next to the printer. I was angrier about it than it deserves, so probably it is not about the desk.",
    "Swimming: Forty lengths. My head was empty from the tenth on, which is the whole point of it.",
    "Mother: She repeated the story of the dog twice. I managed not to correct her, and we both laughed at the end.",
    "Quiet Sunday: Read half a novel on the balcony. Felt guilty until noon and then forgot to.",
    "Rent: The letter came, eighty more each month from January. I did the sums and it works if I keep the bicycle going.",
    "Practice: The slow movement finally holds together. I played it once for the neighbour's cat.",
    "Said no: Declined the extra shift without giving three excuses. The world went on.",
    "Fog: Could not see the other bank. Strange how that made the walk feel shorter.",
    "Argument: Jonas thinks I avoid him. He is partly right. I told him so and we are having lunch on Friday.",
    "Dentist: Nothing found. I had been carrying that appointment around like a stone.",
    "Garden: Planted the last bulbs with cold fingers. In April I will have forgotten where they are.",
    "Deadline: Sent it off at ten to six. It is not as good as I wanted and quite good enough.",
    "Old photographs: Found the summer in Brittany. I look so certain of everything in them.",
    "Headache: Third one this week, always after the video calls. Tomorrow I will try the walk before and not after.",
    "Choir: My voice cracked on the high note and the woman beside me grinned. I grinned back. We start on the Fauré next week.",
];
