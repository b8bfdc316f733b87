//! Tests of `GET /`, `GET /docs` and `GET /openapi.json`.

use std::collections::BTreeSet;

use api_tests::openapi::{DOCUMENT, Operation};
use api_tests::{Browser, TestApp};
use serde_json::json;

#[tokio::test]
async fn the_root_returns_the_service_its_version_and_the_path_of_the_docs() {
    let app = TestApp::shared().await;
    let index = app.anonymous().get("/").await.expect_success();
    assert_eq!(index, json!({"message": "Kai API", "version": env!("CARGO_PKG_VERSION"), "docs": "/docs"}));
}

#[tokio::test]
async fn public_pages_may_be_cached_and_are_revalidated_by_etag() {
    let app = TestApp::shared().await;
    for (path, content_type) in [
        ("/", "application/json"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/dashboard", "text/html; charset=utf-8"),
    ] {
        let response = app.anonymous().get(path).await;
        assert_eq!((response.status, response.header("content-type")), (200, Some(content_type)), "{path}");
        assert_eq!(response.header("cache-control"), Some("public, max-age=300"), "{path}");
        assert_eq!(response.header("vary"), Some("Accept-Encoding"), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(response.header("x-request-id").is_some() && response.header("x-response-time").is_some(), "{path}");
        assert_eq!((response.header("x-cache"), response.header("content-encoding")), (None, None), "{path}");
        let etag = response.header("etag").unwrap();

        let unchanged = app.anonymous().get(path).header("if-none-match", etag).await;
        assert_eq!((unchanged.status, unchanged.body.len(), unchanged.header("etag")), (304, 0, Some(etag)), "{path}");
        assert_eq!(unchanged.header("cache-control"), Some("public, max-age=300"), "{path}");
        assert_eq!(app.anonymous().get(path).header("if-none-match", "\"other\"").await.status, 200, "{path}");

        let compressed = app.anonymous().get(path).header("accept-encoding", "gzip").await;
        let is_long = response.body.len() > 500;
        assert_eq!(compressed.header("content-encoding"), is_long.then_some("gzip"), "{path}");
        assert_eq!(
            (compressed.decompressed(), compressed.header("etag")),
            (response.body.to_vec(), Some(etag)),
            "{path}"
        );
        assert!(!is_long || compressed.body.len() < response.body.len() / 2, "{path}");
        // A signed-in user gets the same response.
        let ada = app.new_user().await.get(path).await;
        assert_eq!((&ada.body, ada.header("etag")), (&response.body, Some(etag)), "{path}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_the_one_of_the_repository() {
    let app = TestApp::shared().await;
    let document = app.anonymous().get("/openapi.json").await.expect_success();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document == *DOCUMENT, "GET /openapi.json does not return docs/openapi.json");
}

#[tokio::test]
async fn the_content_security_policy_of_the_pages_allows_only_their_own_content() {
    let app = TestApp::shared().await;
    for path in ["/docs", "/dashboard"] {
        let response = app.anonymous().get(path).await;
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for source in ["unsafe", "http", "*"] {
            assert!(!policy.contains(source), "{policy}");
        }
    }
}

#[tokio::test]
async fn the_docs_show_every_operation_without_requests_to_other_hosts_or_console_errors() {
    let app = TestApp::shared().await;
    let host = format!("http://{}/", app.emulator.address());
    let operations = Operation::all();
    // The widths of a desktop and of a phone, in pixels.
    for width in [1280, 390] {
        let mut browser = Browser::start(width).await;
        browser.open(&format!("{host}docs")).await;
        let blocks = "document.querySelectorAll('.opblock').length";
        browser.wait_for(&format!("{blocks} === {}", operations.len())).await;
        let text = browser.evaluate("document.body.innerText.replace(/\\u200b/g, '')").await;
        let text = text.as_str().unwrap();
        for operation in operations {
            let (path, id) = (operation.path, operation.id());
            assert!(text.contains(path) && text.contains(id), "{path} {id} in {text}");
        }
        assert_eq!(
            browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth").await,
            true,
            "{width}"
        );

        // Expands all operations with their bodies, responses and schemas.
        browser
            .evaluate("document.querySelectorAll('.opblock-summary-control').forEach(control => control.click())")
            .await;
        browser
            .wait_for(&format!(
                "document.querySelectorAll('.opblock.is-open .responses-wrapper').length === {}",
                operations.len()
            ))
            .await;
        assert_eq!(
            browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth").await,
            true,
            "{width}"
        );
        // Sends a request from the page.
        let health = "document.querySelector('[id$=\"-health\"]')";
        browser.evaluate(&format!("{health}.querySelector('.try-out__btn').click()")).await;
        browser.wait_for(&format!("{health}.querySelector('.execute') !== null")).await;
        browser.evaluate(&format!("{health}.querySelector('.execute').click()")).await;
        browser
            .wait_for(&format!(
                "/\"status\": \"(healthy|degraded)\"/.test({health}.querySelector('.live-responses-table')?.innerText)"
            ))
            .await;

        assert_eq!(browser.problems, [""; 0]);
        let is_other_host = |url: &&String| !url.starts_with(&host) && !url.starts_with("data:");
        assert_eq!(browser.requests.iter().find(is_other_host), None);
        let paths: BTreeSet<_> = browser.requests.iter().filter_map(|url| url.strip_prefix(&host)).collect();
        assert_eq!(paths, BTreeSet::from(["docs", "openapi.json", "health"]));
    }
}
