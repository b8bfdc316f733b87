//! Tests of `GET /`, `GET /docs` and `GET /openapi.json`.

use std::collections::BTreeSet;

use api_tests::{Browser, TestApp, entry_path, member_names, template};
use serde_json::{Value, json};

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
async fn the_openapi_document_describes_every_route_of_the_template() {
    let app = TestApp::shared().await;
    let document = app.anonymous().get("/openapi.json").await.expect_success();
    assert_eq!(document["openapi"], "3.1.0");
    let described: BTreeSet<_> = operations(&document).into_iter().map(|(route, _)| route).collect();
    for route in template().functions.into_iter().flat_map(|function| function.routes) {
        let route = format!("{} {}", route.method.unwrap(), route.path.unwrap());
        assert!(described.contains(&route), "{route}");
    }
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
    let document = app.anonymous().get("/openapi.json").await.expect_success();
    let operations = operations(&document);
    // The widths of a desktop and of a phone, in pixels.
    for width in [1280, 390] {
        let mut browser = Browser::start(width).await;
        browser.open(&format!("{host}docs")).await;
        let blocks = "document.querySelectorAll('.opblock').length";
        browser.wait_for(&format!("{blocks} === {}", operations.len())).await;
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

#[tokio::test]
async fn every_response_matches_the_openapi_document() {
    let app = TestApp::shared().await;
    let document = app.anonymous().get("/openapi.json").await.expect_success();
    let (anonymous, ada) = (app.anonymous(), app.new_user().await);
    let entry =
        json!({"title": "After the rain", "content": "Walked.", "mood": 7.5, "mood_emoji": "🙂", "tags": ["walk"]});
    let entry = ada.post("/api/journal/entries", &entry).await;
    let path = entry_path(&entry.json());
    ada.create_entry("x").await;
    let (credentials, patch) = (ada.credentials(), json!({"mood": null}));
    let passwords = json!({"old_password": ada.password, "new_password": "eleven quiet herons"});
    let other = app.new_user().await;
    let responses = vec![
        ("get /", anonymous.get("/").await),
        ("get /health", anonymous.get("/health").await),
        ("get /health/detailed", anonymous.get("/health/detailed?window=1h").await),
        ("get /health/detailed", anonymous.get("/health/detailed?window=soon").await),
        (
            "post /api/auth/register",
            anonymous
                .post("/api/auth/register", &json!({"email": format!("x{}", ada.email), "password": ada.password}))
                .await,
        ),
        ("post /api/auth/register", anonymous.post("/api/auth/register", &credentials).await),
        ("post /api/auth/login", anonymous.post("/api/auth/login", &credentials).await),
        (
            "post /api/auth/login",
            anonymous.post("/api/auth/login", &json!({"email": ada.email, "password": "x"})).await,
        ),
        ("post /api/auth/refresh", other.request("POST", "/api/auth/refresh").await),
        ("get /api/auth/me", ada.get("/api/auth/me").await),
        ("get /api/auth/me", anonymous.get("/api/auth/me").await),
        ("get /api/users/{user_id}/profile", ada.get(ada.profile_path()).await),
        ("get /api/users/{user_id}/profile", ada.get(other.profile_path()).await),
        (
            "patch /api/users/{user_id}/profile",
            ada.patch(ada.profile_path(), &json!({"communication_style": "gentle"})).await,
        ),
        ("post /api/journal/entries", entry),
        ("post /api/journal/entries", ada.post("/api/journal/entries", &json!({"mood": 11})).await),
        ("post /api/journal/entries", ada.request("POST", "/api/journal/entries").body("text/plain", "x").await),
        ("get /api/journal/entries", ada.get("/api/journal/entries").await),
        ("get /api/journal/entries", ada.get("/api/journal/entries?limit=1&fields=id,title").await),
        ("get /api/journal/entries/{entry_id}", ada.get(&path).await),
        ("get /api/journal/entries/{entry_id}", other.get(&path).await),
        ("put /api/journal/entries/{entry_id}", ada.request("PUT", &path).json(&patch).await),
        ("patch /api/journal/entries/{entry_id}", ada.patch(&path, &patch).header("if-match", "\"other\"").await),
        ("get /api/journal/insights", ada.get("/api/journal/insights").await),
        ("get /api/account", ada.get("/api/account").await),
        ("delete /api/journal/entries/{entry_id}", ada.request("DELETE", &path).await),
        ("post /api/auth/change-password", ada.post("/api/auth/change-password", &passwords).await),
        ("post /api/auth/logout", app.new_user().await.request("POST", "/api/auth/logout").await),
        ("post /api/chat", ada.post("/api/chat", &json!({"message": "I slept badly again."})).await),
        ("post /api/chat", anonymous.post("/api/chat", &json!({"message": "I want to kill myself"})).await),
        ("post /api/chat", anonymous.post("/api/chat", &json!({"message": "hello"})).await),
        ("post /api/chat", ada.post("/api/chat", &json!({"message": ""})).await),
        ("get /api/chat/history", ada.get("/api/chat/history").await),
        ("get /api/chat/history", other.get("/api/chat/history").await),
        ("delete /api/chat/session/{user_id}", ada.request("DELETE", format!("/api/chat/session/{}", ada.id)).await),
        ("delete /api/account", app.new_user().await.request("DELETE", "/api/account").await),
    ];
    for (route, response) in responses {
        let what = format!("{route}: {} {}", response.status, response.text());
        let (method, path) = route.split_once(' ').unwrap();
        let described = &document["paths"][path][method]["responses"][response.status.to_string()];
        let described = match described["$ref"].as_str() {
            Some(reference) => document.pointer(&reference[1..]).unwrap(),
            None => described,
        };
        assert!(described.is_object(), "{what}");
        for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(response.header(name).is_some(), "{what}: the header {name} is missing");
        }
        let Some(media_type) = response.header("content-type") else {
            assert!(described.get("content").is_none() && response.body.is_empty(), "{what}");
            continue;
        };
        let schema = &described["content"][media_type]["schema"];
        assert!(schema.is_object(), "{what}: {media_type}");
        let schema_document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], "allOf": [schema]
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema_document).unwrap();
        let errors: Vec<_> = validator.iter_errors(&response.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
        // The document describes every member of the response.
        let body = response.json();
        let undescribed: Vec<_> = member_names(&body).difference(&members(&document, schema)).copied().collect();
        assert_eq!(undescribed, [""; 0], "{what}");
    }
}

/// Returns the names of the members that a schema describes.
fn members<'a>(document: &'a Value, schema: &'a Value) -> BTreeSet<&'a str> {
    let target = schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap());
    let own = target["properties"].as_object().into_iter().flat_map(|properties| properties.keys().map(String::as_str));
    let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|kind| target[kind].as_array()).flatten();
    own.chain(parts.flat_map(|part| members(document, part))).collect()
}

/// Returns the route and the id of every operation.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation["operationId"].as_str().unwrap().to_owned())
        })
    });
    operations.collect()
}
