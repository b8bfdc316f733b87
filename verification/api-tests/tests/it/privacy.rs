//! No log line of any function contains user input, even at the most verbose log level.

use std::collections::BTreeSet;

use api_tests::{Setup, TestApp, entry_path};
use serde_json::json;
use uuid::Uuid;

/// Returns a unique text that begins with `kind`.
fn canary(kind: &str) -> String {
    format!("{kind}-{}", Uuid::new_v4().simple())
}

#[tokio::test]
async fn no_log_line_contains_user_input_of_successful_or_failed_requests() {
    let [content, title, style, password, query, header, key, local] =
        ["content", "title", "style", "password", "query", "header", "key", "local"].map(canary);
    let slow = ("SLOW_QUERY_THRESHOLD", "0.000001".to_owned());
    let app = TestApp::start_with(Setup { variables: vec![slow], ..Setup::default() }).await;
    let anonymous = app.anonymous();
    let email = format!("{local}@example.org");

    let credentials = json!({"email": email, "password": password});
    let account =
        anonymous.post("/api/auth/register", &credentials).header("idempotency-key", &key).await.expect_success();
    anonymous.post("/api/auth/register", &credentials).header("idempotency-key", &key).await.expect_success();
    anonymous.post("/api/auth/register", &credentials).await.expect_problem(409, "email_taken");
    let wrong = json!({"email": email, "password": format!("{password}!")});
    anonymous.post("/api/auth/login", &wrong).await.expect_problem(401, "wrong_credentials");
    let login = anonymous.post("/api/auth/login", &credentials).await.expect_success();
    let token = login["access_token"].as_str().unwrap().to_owned();
    let (ada, profile) =
        (anonymous.with_token(&token), format!("/api/users/{}/profile", account["id"].as_str().unwrap()));

    let body = json!({"title": title, "content": content, "tags": [title], "images": [format!("https://example.org/{title}")]});
    for _ in 0..2 {
        let create =
            ada.post("/api/journal/entries", &body).header("idempotency-key", &key).header("user-agent", &header);
        create.header("x-forwarded-for", &header).header("cookie", format!("session={header}")).await.expect_success();
        ada.get("/api/journal/entries")
            .header("referer", format!("https://{header}.example.org/"))
            .await
            .expect_success();
        ada.get(format!("/api/journal/entries?unknown={query}"))
            .header("if-none-match", format!("\"{header}\""))
            .await
            .expect_success();
    }
    ada.post("/api/journal/entries", &json!({"content": title}))
        .header("idempotency-key", &key)
        .await
        .expect_problem(422, "idempotency_key_reused");
    ada.patch(&profile, &json!({"communication_style": style, "traits": {&style: style}})).await.expect_success();
    ada.get(&profile).await.expect_success();
    ada.get("/api/auth/me").await.expect_success();
    let entry = ada.post("/api/journal/entries", &body).await.expect_success();
    let path = entry_path(&entry);
    for filter in [format!("search={query}"), format!("tags={query}&limit=5"), format!("search={title}&page_size=5")] {
        ada.get(format!("/api/journal/entries?{filter}")).await.expect_success();
    }
    ada.get(&path).await.expect_success();
    ada.request("PUT", &path).json(&body).await.expect_success();
    ada.get("/api/journal/insights").await.expect_success();
    ada.get("/api/account").await.expect_success();

    let mut errors = Vec::new();
    for malformed in
        [format!("{{\"{content}\": "), format!("{{\"content\": \"{content}\\u0000\"}}"), format!("[\"{content}\"]")]
    {
        errors.push(ada.request("POST", "/api/journal/entries").body("application/json", malformed.clone()).await);
        errors
            .push(ada.request("POST", "/api/journal/entries").body(&format!("text/{header}"), malformed.clone()).await);

        errors.push(anonymous.request("POST", "/api/auth/login").body("application/json", malformed.clone()).await);
    }
    let passwords = json!({"old_password": content, "new_password": content});
    errors.push(ada.post("/api/auth/change-password", &passwords).await);
    errors.push(ada.request("PATCH", &path).json(&body).header("if-match", format!("\"{header}\"")).await);
    errors.push(ada.patch(&path, &json!({"title": {&title: title}, "mood": content})).await);
    errors.push(ada.get(format!("/api/journal/entries/{query}")).await);
    errors.push(
        ada.get(format!("/api/journal/entries?cursor={query}&limit={query}&mood_min={query}&start_date={query}")).await,
    );
    errors.push(ada.get(format!("/api/journal/insights?days={query}")).await);
    errors.push(ada.get(format!("/api/account?cursor={query}")).await);
    errors.push(ada.get(format!("/api/journal/entries?page={query}&fields={query}&user_id={query}")).await);
    errors.push(ada.get(format!("/api/users/{query}/profile")).await);
    errors.push(ada.patch(&profile, &json!({"traits": style, "communication_style": style.repeat(3)})).await);
    errors.push(ada.request("POST", format!("/api/auth/logout?scope={query}")).await);
    errors.push(ada.with_token(&header).get("/api/auth/me").await);
    ada.request("POST", "/api/auth/logout").await.expect_success();

    let canaries = [&content, &title, &style, &password, &query, &header, &key, &local, &token];
    for response in &errors {
        assert!((400..500).contains(&response.status), "{}", response.text());
        let text = format!("{:?}{}", response.headers, response.text());
        for canary in canaries {
            assert!(!text.contains(canary.as_str()), "{text}");
        }
    }
    app.wait_until_idle().await;
    let lines = app.logs.lines();
    let slow = lines.iter().filter(|line| line.text.contains("slow query")).count();
    assert!(slow >= 10, "only {slow} slow queries were logged");
    let functions: BTreeSet<_> = lines.iter().map(|line| line.function.as_str()).collect();
    assert_eq!(functions.len(), 13, "{functions:?}");
    for line in &lines {
        for canary in canaries {
            assert!(!line.text.contains(canary.as_str()), "{line:?}");
        }
    }
}

#[tokio::test]
async fn a_statement_that_the_database_rejects_is_logged_without_its_values() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let content = canary("content");
    app.query("ALTER TABLE journal_entries ADD CONSTRAINT only_in_this_test CHECK (content NOT LIKE 'content-%')", &[])
        .await;
    let response = ada.post("/api/journal/entries", &json!({"content": content})).await;
    response.expect_problem(500, "internal");
    assert!(
        !response.text().contains("only_in_this_test") && !response.text().contains(&content),
        "{}",
        response.text()
    );
    let lines = app.logs.lines();
    let error = lines.iter().find(|line| line.text.contains("internal error")).expect("the defect is logged");
    assert!(error.text.contains("23514") && error.text.contains(response.header("x-request-id").unwrap()), "{error:?}");
    assert!(lines.iter().all(|line| !line.text.contains(&content)), "{lines:?}");
    // The marker was cleared, so the cache is used again.
    ada.get("/api/journal/entries").until_hit().await;
}
