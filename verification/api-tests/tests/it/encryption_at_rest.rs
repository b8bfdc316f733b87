//! The data in Redis and in the database. The keys are as documented, and no user data is readable.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use api_tests::{RedisChoice, Setup, TestApp, token_hash};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use uuid::Uuid;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Returns whether a value contains a text as plain text, in base64 at any offset, or in
/// hexadecimal.
fn reveals(value: &[u8], text: &str) -> bool {
    let base64 = (0..3).map(|offset| {
        let padded = [&[0; 3][..offset], text.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        // The first and the last characters also encode the bytes around the text.
        encoded[4..encoded.len() - 3].to_owned()
    });
    base64.chain([text.to_owned(), const_hex::encode(text.as_bytes())]).any(|form| contains(value, form.as_bytes()))
}

fn gzip(value: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(value).unwrap();
    encoder.finish().unwrap()
}

/// Returns whether a value contains the header of a gzip stream.
fn contains_gzip(value: &[u8]) -> bool {
    contains(value, &[0x1f, 0x8b, 8])
}

const CANARY: &str = "a canary sang in the kitchen";

#[tokio::test]
async fn redis_keys_and_ttls_are_as_documented_and_values_are_sealed() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = app.new_user().await;
    let entry = json!({"title": CANARY, "content": CANARY.repeat(40), "tags": [CANARY], "mood_emoji": "🐤"});
    ada.post("/api/journal/entries", &entry).await.expect_success();
    let profile = json!({"communication_style": CANARY, "traits": {CANARY: CANARY}});
    ada.patch(ada.profile_path(), &profile).await.expect_success();
    let paths =
        ["/api/journal/entries", "/api/journal/entries?page=2&page_size=50", &ada.profile_path(), "/api/auth/me"];
    for path in paths {
        ada.get(path).until_hit().await;
    }
    app.wait_until_idle().await;

    let (id, token) = (ada.id, const_hex::encode(token_hash(&ada.token)));
    let expected = BTreeMap::from([
        (format!("journal:list:{id}:guard"), 90_000),
        (format!("journal:list:{id}:page:1:size:20"), 300),
        (format!("journal:list:{id}:page:2:size:50"), 300),
        (format!("session:{id}:guard"), 90_000),
        (format!("session:{token}"), 300),
        (format!("user:profile:{id}"), 3600),
        (format!("user:profile:{id}:guard"), 90_000),
    ]);
    let keys: Vec<String> = app.redis(redis::cmd("KEYS").arg("*")).await;
    let keys: BTreeSet<String> = keys.into_iter().collect();
    assert_eq!(keys, expected.keys().cloned().collect());
    for (key, ttl) in &expected {
        let left: i64 = app.redis(redis::cmd("TTL").arg(key)).await;
        assert!((ttl - 20..=*ttl).contains(&left), "{key}: {left} s");
        let value: Vec<u8> = app.redis(redis::cmd("GET").arg(key)).await;
        for text in [CANARY, ada.email.as_str(), ada.token.as_str(), &id.to_string()] {
            assert!(!reveals(&value, text), "{key} reveals {text}");
        }
        assert!(!contains_gzip(&value) && !contains(&value, b"canary"), "{key}");
        if key.ends_with(":guard") {
            assert_eq!((value[0], value.len()), (b'g', 17), "{key}");
        } else {
            assert_eq!(&value[..2], b"K1", "{key}");
            assert!(gzip(&value).len() >= value.len(), "{key} is compressible");
        }
    }
}

#[tokio::test]
async fn an_invalid_token_leaves_no_key_in_redis() {
    let app = TestApp::start().await;
    let nobody = Uuid::now_v7();
    let token = URL_SAFE_NO_PAD.encode([nobody.as_bytes().as_slice(), &[7; 32]].concat());
    let client = app.anonymous().with_token(token);
    for path in ["/api/journal/entries".to_owned(), format!("/api/users/{nobody}/profile"), "/api/auth/me".to_owned()] {
        // On a busy machine, a late fill or removal may be lost.
        let mut tries = 0;
        loop {
            let response = client.get(&path).await;
            response.expect_problem(401, "unauthenticated");
            assert_eq!(response.header("x-cache"), None, "{path}: X-Cache would reveal the activity of other users");
            app.wait_until_idle().await;
            let left: Vec<String> = app.redis(redis::cmd("KEYS").arg(format!("*{nobody}*"))).await;
            if app.metrics_of(&response)["cache"] == "miss" && left.is_empty() {
                break;
            }
            tries += 1;
            assert!(tries < 20, "{path}: {left:?}");
        }
    }
}

#[test]
fn the_search_for_readable_text_finds_every_encoding() {
    let document = json!({"content": CANARY.repeat(10)}).to_string();
    assert!(reveals(document.as_bytes(), CANARY));
    for offset in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&b"xyz"[..offset], document.as_bytes()].concat());
        assert!(reveals(encoded.as_bytes(), CANARY), "base64 at {offset}");
    }
    assert!(reveals(const_hex::encode(document.as_bytes()).as_bytes(), CANARY));
    let compressed = gzip(document.as_bytes());
    assert!(contains_gzip(&compressed) && compressed.len() < document.len());
}

#[tokio::test]
async fn the_database_stores_no_token_password_or_idempotency_key_as_plain_text() {
    let app = TestApp::start().await;
    let ada = app.register_and_login().await;
    let entry = json!({"content": "a readable entry"});
    ada.post("/api/journal/entries", &entry).header("idempotency-key", "a-key-of-the-client").await.expect_success();
    ada.list_entries().await;
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let mut dump = String::new();
    for table in app.query(tables, &[]).await {
        let table: &str = table.get(0);
        for row in app.query(&format!("SELECT t::text FROM {table} t"), &[]).await {
            dump.push_str(row.get(0));
        }
    }
    let secret = URL_SAFE_NO_PAD.decode(&ada.token).unwrap();
    for absent in [
        &ada.token,
        &ada.password,
        "a-key-of-the-client",
        &const_hex::encode(&secret),
        &const_hex::encode(&secret[16..]),
    ] {
        assert!(!dump.contains(absent), "{absent}");
    }
    assert!(dump.contains("a readable entry") && dump.contains(&const_hex::encode(token_hash(&ada.token))), "{dump}");
}
