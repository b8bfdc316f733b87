//! The headers that every answer carries, and what clients may keep.

use api_tests::{Kai, Person, Reply};
use serde_json::json;

/// Every kind of answer of the functions.
async fn replies(kai: &Kai, ada: &Person) -> Vec<(&'static str, Reply)> {
    ada.write("x").await;
    let etag = ada.list().await.header("etag").unwrap().to_owned();
    vec![
        ("read", ada.list().await),
        ("not modified", ada.get("/api/journal/entries").header("if-none-match", etag).await),
        ("profile", ada.get(ada.profile_path()).await),
        ("me", ada.get("/api/auth/me").await),
        ("created", ada.post("/api/journal/entries", &json!({"content": "x"})).await),
        ("changed", ada.patch(ada.profile_path(), &json!({})).await),
        ("health", kai.anonymous().get("/health").await),
        ("unauthenticated", kai.anonymous().get("/api/auth/me").await),
        ("invalid", ada.get("/api/journal/entries?page=0").await),
        ("forbidden", ada.get("/api/users/00000000-0000-0000-0000-000000000000/profile").await),
        ("malformed", ada.request("POST", "/api/journal/entries").body("application/json", "{").await),
    ]
}

#[tokio::test]
async fn every_answer_carries_its_id_its_time_and_forbids_guessing() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    for (what, reply) in replies(kai, &ada).await {
        let time = reply.header("x-response-time").unwrap_or_else(|| panic!("{what}: no X-Response-Time"));
        let seconds = time.strip_suffix('s').unwrap();
        assert_eq!(seconds.split_once('.').unwrap().1.len(), 4, "{what}: {time}");
        assert!(seconds.parse::<f64>().unwrap() <= reply.took.as_secs_f64(), "{what}: {time}");

        let timing = reply.header("server-timing").unwrap();
        let parts: Vec<_> = timing.split(", ").map(|part| part.split_once(";dur=").unwrap()).collect();
        assert_eq!(
            parts.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["cache", "db", "total"],
            "{what}: {timing}"
        );
        assert!(parts.iter().all(|(_, duration)| duration.parse::<f64>().is_ok()), "{what}: {timing}");

        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{what}");
        assert_eq!((reply.header("server"), reply.header("x-powered-by")), (None, None), "{what}");
        let id = reply.header("x-request-id").unwrap();
        let report = format!("REPORT RequestId: {id}\t");
        kai.logs.find(|line| line.text.starts_with(&report)).await;
        assert_eq!(kai.metrics_of(&reply)["status"], reply.status, "{what}");
    }
}

#[tokio::test]
async fn only_cacheable_reads_may_be_kept_and_only_to_be_asked_about_again() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    for (what, reply) in replies(kai, &ada).await {
        if ["read", "not modified", "profile", "me"].contains(&what) {
            assert_eq!(reply.header("cache-control"), Some("private, no-cache"), "{what}");
            let vary = reply.header("vary").unwrap().to_lowercase();
            assert!(vary.contains("accept-encoding") && vary.contains("authorization"), "{what}: {vary}");
            let etag = reply.header("etag").unwrap();
            assert!(etag.starts_with("W/\"") && etag.ends_with('"') && etag.len() > 20, "{what}: {etag}");
            assert!(["hit", "miss"].contains(&reply.cache()), "{what}");
        } else {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
            assert_eq!((reply.header("etag"), reply.header("x-cache")), (None, None), "{what}");
        }
        let expected = match reply.status {
            304 => None,
            200..300 => Some("application/json"),
            _ => Some("application/problem+json"),
        };
        assert_eq!(reply.header("content-type"), expected, "{what}");
        assert_eq!(reply.header("www-authenticate"), (reply.status == 401).then_some("Bearer"), "{what}");
    }
}

#[tokio::test]
async fn a_client_that_has_the_page_is_told_so_until_it_changes() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    ada.write("x").await;
    let etag = ada.list().await.header("etag").unwrap().to_owned();
    let opaque = etag.trim_start_matches("W/");
    for known in
        [etag.clone(), opaque.to_owned(), "*".to_owned(), format!("\"other\", {etag}"), format!("{opaque} , W/\"x\"")]
    {
        let reply = ada.get("/api/journal/entries").header("if-none-match", &known).await;
        assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some(etag.as_str())), "{known}");
    }
    for other in ["\"other\"", "W/\"00112233445566778899aabbccddeeff\"", &etag[..etag.len() - 2], ""] {
        assert_eq!(ada.get("/api/journal/entries").header("if-none-match", other).await.status, 200, "{other}");
    }
    // On a miss too.
    let _: () = kai.redis(redis::cmd("DEL").arg(format!("journal:list:{}:page:1:size:20", ada.id))).await;
    let reply = ada.get("/api/journal/entries").header("if-none-match", &etag).await;
    assert_eq!(reply.status, 304);
    assert_ne!(reply.cache(), "hit");

    ada.write("something new").await;
    let reply = ada.get("/api/journal/entries").header("if-none-match", &etag).await;
    assert_eq!(reply.status, 200);
    assert_ne!(reply.header("etag"), Some(etag.as_str()));
}

#[tokio::test]
async fn both_encodings_carry_one_tag_and_gzip_only_goes_to_those_who_accept_it() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    assert_eq!(
        ada.get("/api/journal/entries").header("accept-encoding", "gzip").await.header("content-encoding"),
        None,
        "small"
    );
    ada.write(&"a long line of a journal ".repeat(100)).await;
    let get = async |accepted: &str| ada.get("/api/journal/entries").header("accept-encoding", accepted).await;
    let plain = ada.list().await;
    assert_eq!(plain.header("content-encoding"), None);
    for accepted in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "*"] {
        let packed = get(accepted).await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{accepted}");
        assert!(packed.body.len() < plain.body.len() / 2, "{accepted}");
        assert_eq!((packed.plain(), packed.header("etag")), (plain.body.to_vec(), plain.header("etag")), "{accepted}");
    }
    for refused in ["identity", "br", "gzip;q=0", "gzip;q=0, *"] {
        let reply = get(refused).await;
        assert_eq!((reply.header("content-encoding"), &reply.body), (None, &plain.body), "{refused}");
    }
    let created =
        ada.post("/api/journal/entries", &json!({"content": "x".repeat(1000)})).header("accept-encoding", "gzip").await;
    assert_eq!((created.status, created.header("content-encoding")), (201, Some("gzip")));
    assert_eq!(created.good()["content"], "x".repeat(1000));
}
