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
    for (path, content_type) in [
        ("/", "application/json"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/dashboard", "text/html; charset=utf-8"),
    ] {
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
        assert!(!is_long || packed.body.len() < reply.body.len() / 2, "{path}");
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
async fn the_pages_run_nothing_but_what_they_hold() {
    let kai = Kai::shared().await;
    for path in ["/docs", "/dashboard"] {
        let reply = kai.anonymous().get(path).await;
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for lax in ["unsafe", "http", "*"] {
            assert!(!policy.contains(lax), "{policy}");
        }
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
                "/\"status\": \"(healthy|degraded)\"/.test({health}.querySelector('.live-responses-table')?.innerText)"
            ))
            .await;

        assert_eq!(browser.complaints, [""; 0]);
        let elsewhere = |url: &&String| !url.starts_with(&host) && !url.starts_with("data:");
        assert_eq!(browser.requests.iter().find(elsewhere), None);
        let paths: BTreeSet<_> = browser.requests.iter().filter_map(|url| url.strip_prefix(&host)).collect();
        assert_eq!(paths, BTreeSet::from(["docs", "openapi.json", "health"]));
    }
}

#[tokio::test]
async fn what_is_answered_is_what_the_document_says() {
    let kai = Kai::shared().await;
    let document = kai.anonymous().get("/openapi.json").await.good();
    let (anonymous, ada) = (kai.anonymous(), kai.settle().await);
    let draft =
        json!({"title": "After the rain", "content": "Walked.", "mood": 7.5, "mood_emoji": "🙂", "tags": ["walk"]});
    let entry = ada.post("/api/journal/entries", &draft).await;
    let path = format!("/api/journal/entries/{}", entry.json()["id"].as_str().unwrap());
    ada.write("x").await;
    let (credentials, patch) = (json!({"email": ada.email, "password": ada.password}), json!({"mood": null}));
    let passwords = json!({"old_password": ada.password, "new_password": "eleven quiet herons"});
    let other = kai.settle().await;
    let replies = vec![
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
        ("post /api/auth/logout", kai.settle().await.request("POST", "/api/auth/logout").await),
        ("post /api/chat", ada.post("/api/chat", &json!({"message": "I slept badly again."})).await),
        ("post /api/chat", anonymous.post("/api/chat", &json!({"message": "I want to kill myself"})).await),
        ("post /api/chat", anonymous.post("/api/chat", &json!({"message": "hello"})).await),
        ("post /api/chat", ada.post("/api/chat", &json!({"message": ""})).await),
        ("get /api/chat/history", ada.get("/api/chat/history").await),
        ("get /api/chat/history", other.get("/api/chat/history").await),
        ("delete /api/chat/session/{user_id}", ada.request("DELETE", format!("/api/chat/session/{}", ada.id)).await),
        ("delete /api/account", kai.settle().await.request("DELETE", "/api/account").await),
    ];
    for (route, reply) in replies {
        let what = format!("{route}: {} {}", reply.status, reply.text());
        let (method, path) = route.split_once(' ').unwrap();
        let answer = &document["paths"][path][method]["responses"][reply.status.to_string()];
        let answer = match answer["$ref"].as_str() {
            Some(reference) => document.pointer(&reference[1..]).unwrap(),
            None => answer,
        };
        assert!(answer.is_object(), "{what}");
        for name in answer["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(reply.header(name).is_some(), "{what}: no {name}");
        }
        let Some(media_type) = reply.header("content-type") else {
            assert!(answer.get("content").is_none() && reply.body.is_empty(), "{what}");
            continue;
        };
        let schema = &answer["content"][media_type]["schema"];
        assert!(schema.is_object(), "{what}: {media_type}");
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], "allOf": [schema]
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
        let errors: Vec<_> = validator.iter_errors(&reply.json()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
        // Every member that is answered is described.
        let known = members(&document, schema);
        let answered = reply.json();
        let unknown = answered.as_object().unwrap().keys().find(|member| !known.contains(member.as_str()));
        assert_eq!(unknown, None, "{what}");
    }
}

/// The names that an object of a schema may have.
fn members<'a>(document: &'a Value, schema: &'a Value) -> BTreeSet<&'a str> {
    let target = schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap());
    let own = target["properties"].as_object().into_iter().flat_map(|properties| properties.keys().map(String::as_str));
    let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|kind| target[kind].as_array()).flatten();
    own.chain(parts.flat_map(|part| members(document, part))).collect()
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
