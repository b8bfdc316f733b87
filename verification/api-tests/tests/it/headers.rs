//! The headers of every response, and the rules for storing responses.

use api_tests::{Response, TestApp, TestUser};
use serde_json::json;

/// Returns one response of each kind.
async fn responses_of_all_kinds(app: &TestApp, ada: &TestUser) -> Vec<(&'static str, Response)> {
    ada.create_entry("x").await;
    let etag = ada.list_entries().await.header("etag").unwrap().to_owned();
    vec![
        ("read", ada.list_entries().await),
        ("not modified", ada.get("/api/journal/entries").header("if-none-match", etag).await),
        ("profile", ada.get(ada.profile_path()).await),
        ("me", ada.get("/api/auth/me").await),
        ("created", ada.post("/api/journal/entries", &json!({"content": "x"})).await),
        ("changed", ada.patch(ada.profile_path(), &json!({})).await),
        ("health", app.anonymous().get("/health").await),
        ("unauthenticated", app.anonymous().get("/api/auth/me").await),
        ("invalid", ada.get("/api/journal/entries?page=0").await),
        ("forbidden", ada.get("/api/users/00000000-0000-0000-0000-000000000000/profile").await),
        ("malformed", ada.request("POST", "/api/journal/entries").body("application/json", "{").await),
    ]
}

#[tokio::test]
async fn every_response_has_a_request_id_timing_headers_and_nosniff() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (what, response) in responses_of_all_kinds(app, &ada).await {
        let time = response.header("x-response-time").unwrap_or_else(|| panic!("{what}: X-Response-Time is missing"));
        let seconds = time.strip_suffix('s').unwrap();
        assert_eq!(seconds.split_once('.').unwrap().1.len(), 4, "{what}: {time}");
        assert!(seconds.parse::<f64>().unwrap() <= response.elapsed.as_secs_f64(), "{what}: {time}");

        let timing = response.header("server-timing").unwrap();
        let parts: Vec<_> = timing.split(", ").map(|part| part.split_once(";dur=").unwrap()).collect();
        assert_eq!(
            parts.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["cache", "db", "total"],
            "{what}: {timing}"
        );
        assert!(parts.iter().all(|(_, duration)| duration.parse::<f64>().is_ok()), "{what}: {timing}");

        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{what}");
        assert_eq!((response.header("server"), response.header("x-powered-by")), (None, None), "{what}");
        let id = response.header("x-request-id").unwrap();
        app.wait_for_log(&format!("REPORT RequestId: {id}\t")).await;
        assert_eq!(app.metrics_of(&response)["status"], response.status, "{what}");
    }
}

#[tokio::test]
async fn only_cacheable_reads_may_be_stored_by_clients_and_must_be_revalidated() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (what, response) in responses_of_all_kinds(app, &ada).await {
        if ["read", "not modified", "profile", "me"].contains(&what) {
            assert_eq!(response.header("cache-control"), Some("private, no-cache"), "{what}");
            let vary = response.header("vary").unwrap().to_lowercase();
            assert!(vary.contains("accept-encoding") && vary.contains("authorization"), "{what}: {vary}");
            let etag = response.header("etag").unwrap();
            assert!(etag.starts_with("W/\"") && etag.ends_with('"') && etag.len() > 20, "{what}: {etag}");
            assert!(["hit", "miss"].contains(&response.cache_status()), "{what}");
        } else {
            assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
            assert_eq!((response.header("etag"), response.header("x-cache")), (None, None), "{what}");
        }
        let expected = match response.status {
            304 => None,
            200..300 => Some("application/json"),
            _ => Some("application/problem+json"),
        };
        assert_eq!(response.header("content-type"), expected, "{what}");
        assert_eq!(response.header("www-authenticate"), (response.status == 401).then_some("Bearer"), "{what}");
    }
}

#[tokio::test]
async fn if_none_match_returns_304_until_the_page_changes() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    ada.create_entry("x").await;
    let etag = ada.list_entries().await.header("etag").unwrap().to_owned();
    let strong = etag.trim_start_matches("W/");
    for matching in
        [etag.clone(), strong.to_owned(), "*".to_owned(), format!("\"other\", {etag}"), format!("{strong} , W/\"x\"")]
    {
        let response = ada.get("/api/journal/entries").header("if-none-match", &matching).await;
        assert_eq!(
            (response.status, response.body.len(), response.header("etag")),
            (304, 0, Some(etag.as_str())),
            "{matching}"
        );
    }
    for other in ["\"other\"", "W/\"00112233445566778899aabbccddeeff\"", &etag[..etag.len() - 2], ""] {
        assert_eq!(ada.get("/api/journal/entries").header("if-none-match", other).await.status, 200, "{other}");
    }
    // The same holds for a miss.
    let _: () = app.redis(redis::cmd("DEL").arg(format!("journal:list:{}:page:1:size:20", ada.id))).await;
    let response = ada.get("/api/journal/entries").header("if-none-match", &etag).await;
    assert_eq!(response.status, 304);
    assert_ne!(response.cache_status(), "hit");

    ada.create_entry("something new").await;
    let response = ada.get("/api/journal/entries").header("if-none-match", &etag).await;
    assert_eq!(response.status, 200);
    assert_ne!(response.header("etag"), Some(etag.as_str()));
}

#[tokio::test]
async fn both_encodings_have_the_same_etag_and_gzip_is_sent_only_if_accepted() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    assert_eq!(
        ada.get("/api/journal/entries").header("accept-encoding", "gzip").await.header("content-encoding"),
        None,
        "too small to be compressed"
    );
    ada.create_entry(&"a long line of a journal ".repeat(100)).await;
    let get = async |accepted: &str| ada.get("/api/journal/entries").header("accept-encoding", accepted).await;
    let plain = ada.list_entries().await;
    assert_eq!(plain.header("content-encoding"), None);
    for accepted in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "*"] {
        let compressed = get(accepted).await;
        assert_eq!(compressed.header("content-encoding"), Some("gzip"), "{accepted}");
        assert!(compressed.body.len() < plain.body.len() / 2, "{accepted}");
        assert_eq!(
            (compressed.decompressed(), compressed.header("etag")),
            (plain.body.to_vec(), plain.header("etag")),
            "{accepted}"
        );
    }
    for other in ["identity", "br", "gzip;q=0", "gzip;q=0, *"] {
        let response = get(other).await;
        assert_eq!((response.header("content-encoding"), &response.body), (None, &plain.body), "{other}");
    }
    let created =
        ada.post("/api/journal/entries", &json!({"content": "x".repeat(1000)})).header("accept-encoding", "gzip").await;
    assert_eq!((created.status, created.header("content-encoding")), (201, Some("gzip")));
    assert_eq!(created.expect_success()["content"], "x".repeat(1000));
}
