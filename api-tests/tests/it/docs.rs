//! `GET /`, `GET /docs`, `GET /openapi.json`.

use std::collections::BTreeSet;

use api_tests::{Browser, Kai, template};
use serde_json::{Value, json};

#[tokio::test]
async fn the_root_names_the_service_its_release_and_where_it_is_described() {
    let kai = Kai::shared().await;
    let index = kai.anonymous().get("/").await.good();
    assert_eq!(index, json!({"message": "Kai API", "version": env!("CARGO_PKG_VERSION"), "docs": "/docs"}));
}

#[tokio::test]
async fn what_is_the_same_for_everybody_may_be_kept_by_everybody_and_is_asked_about_again() {
    let kai = Kai::shared().await;
    for (path, content_type) in
        [("/", "application/json"), ("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8")]
    {
        let reply = kai.anonymous().get(path).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(content_type)), "{path}");
        assert_eq!(reply.header("cache-control"), Some("public, max-age=300"), "{path}");
        assert_eq!(reply.header("vary"), Some("Accept-Encoding"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(reply.header("x-request-id").is_some() && reply.header("x-response-time").is_some(), "{path}");
        assert_eq!((reply.header("x-cache"), reply.header("content-encoding")), (None, None), "{path}");
        let etag = reply.header("etag").unwrap();

        let known = kai.anonymous().get(path).header("if-none-match", etag).await;
        assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(etag)), "{path}");
        assert_eq!(known.header("cache-control"), Some("public, max-age=300"), "{path}");
        assert_eq!(kai.anonymous().get(path).header("if-none-match", "\"other\"").await.status, 200, "{path}");

        let packed = kai.anonymous().get(path).header("accept-encoding", "gzip").await;
        let is_long = reply.body.len() > 500;
        assert_eq!(packed.header("content-encoding"), is_long.then_some("gzip"), "{path}");
        assert_eq!((packed.plain(), packed.header("etag")), (reply.body.to_vec(), Some(etag)), "{path}");
        assert!(!is_long || packed.body.len() < reply.body.len() / 3, "{path}");
        // Whoever is signed in gets the same.
        let ada = kai.settle().await.get(path).await;
        assert_eq!((&ada.body, ada.header("etag")), (&reply.body, Some(etag)), "{path}");
    }
}

#[tokio::test]
async fn the_document_describes_every_route_of_the_template() {
    let kai = Kai::shared().await;
    let document = kai.anonymous().get("/openapi.json").await.good();
    assert_eq!(document["openapi"], "3.1.0");
    let described: BTreeSet<_> = operations(&document).into_iter().map(|(route, _)| route).collect();
    for route in template().functions.into_iter().flat_map(|function| function.routes) {
        let route = format!("{} {}", route.method.unwrap(), route.path.unwrap());
        assert!(described.contains(&route), "{route}");
    }
}

#[tokio::test]
async fn the_page_runs_nothing_but_what_it_holds() {
    let kai = Kai::shared().await;
    let reply = kai.anonymous().get("/docs").await;
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for lax in ["unsafe", "http", "*"] {
        assert!(!policy.contains(lax), "{policy}");
    }
}

#[tokio::test]
async fn a_browser_shows_every_operation_without_asking_another_host_and_without_a_complaint() {
    let kai = Kai::shared().await;
    let host = format!("http://{}/", kai.emulator.address());
    let document = kai.anonymous().get("/openapi.json").await.good();
    let operations = operations(&document);
    // A desk, and a phone.
    for width in [1280, 390] {
        let mut browser = Browser::start(width).await;
        browser.open(&format!("{host}docs")).await;
        let blocks = "document.querySelectorAll('.opblock').length";
        browser.until(&format!("{blocks} === {}", operations.len())).await;
        let text = browser.evaluate("document.body.innerText.replace(/\\u200b/g, '')").await;
        let text = text.as_str().unwrap();
        for (route, id) in &operations {
            let (_, path) = route.split_once(' ').unwrap();
            assert!(text.contains(path) && text.contains(id.as_str()), "{route} {id} in {text}");
        }
        assert_eq!(
            browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth").await,
            true,
            "{width}"
        );

        // Everything unfolded: bodies, answers and their schemas.
        browser
            .evaluate("document.querySelectorAll('.opblock-summary-control').forEach(control => control.click())")
            .await;
        browser
            .until(&format!(
                "document.querySelectorAll('.opblock.is-open .responses-wrapper').length === {}",
                operations.len()
            ))
            .await;
        assert_eq!(
            browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth").await,
            true,
            "{width}"
        );
        // Tried out, in place.
        let health = "document.querySelector('[id$=\"-health\"]')";
        browser.evaluate(&format!("{health}.querySelector('.try-out__btn').click()")).await;
        browser.until(&format!("{health}.querySelector('.execute') !== null")).await;
        browser.evaluate(&format!("{health}.querySelector('.execute').click()")).await;
        browser
            .until(&format!(
                "/\"status\": \"healthy\"/.test({health}.querySelector('.live-responses-table')?.innerText)"
            ))
            .await;

        assert_eq!(browser.complaints, [""; 0]);
        let elsewhere = |url: &&String| !url.starts_with(&host) && !url.starts_with("data:");
        assert_eq!(browser.requests.iter().find(elsewhere), None);
        let paths: BTreeSet<_> = browser.requests.iter().filter_map(|url| url.strip_prefix(&host)).collect();
        assert_eq!(paths, BTreeSet::from(["docs", "openapi.json", "health"]));
    }
}

/// Every operation by its route, with its id.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation["operationId"].as_str().unwrap().to_owned())
        })
    });
    operations.collect()
}
