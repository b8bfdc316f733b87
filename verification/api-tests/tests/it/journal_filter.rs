//! Tests of `GET /api/journal/entries` with filters and search.

use api_tests::{TestApp, TestUser};
use serde_json::{Value, json};

/// Creates a user with a journal.
async fn user_with_journal(app: &TestApp) -> TestUser {
    let ada = app.new_user().await;
    let entries = [
        ("2025-10-01", "The canal", "Walked along the water.", Some(7.0), vec!["walk", "water"]),
        ("2025-10-02", "Work", "A long meeting about the walking path beside the canal.", Some(4.0), vec!["work"]),
        ("2025-10-03", "Rest", "Slept until noon. No canal today.", Some(9.0), vec!["sleep"]),
        ("2025-10-04", "Swimming", "Forty lengths, and home by the river.", None, vec!["water", "sport"]),
        ("2025-10-05", "Größe", "Ein Spaziergang am Kanal.", Some(6.5), vec!["walk"]),
    ];
    for (day, title, content, mood, tags) in entries {
        let insert = "INSERT INTO journal_entries (id, user_id, title, content, mood, tags, created_at)
            VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6::text::date + time '18:00')";
        app.query(insert, &[&ada.id, &title, &content, &mood, &tags, &day]).await;
    }
    ada
}

/// Returns the titles of a page in their order.
fn titles(body: &Value) -> Vec<&str> {
    body["entries"].as_array().unwrap().iter().map(|entry| entry["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn filters_select_the_matching_entries_separately_and_combined() {
    let app = TestApp::shared().await;
    let ada = user_with_journal(app).await;
    for (query, expected) in [
        ("tags=water", vec!["Swimming", "The canal"]),
        ("tags=water,walk", vec!["The canal"]),
        ("tags=water&tags=walk", vec!["The canal"]),
        ("tags=absent", vec![]),
        ("mood_min=6.5", vec!["Größe", "Rest", "The canal"]),
        ("mood_max=4", vec!["Work"]),
        ("mood_min=4&mood_max=7", vec!["Größe", "Work", "The canal"]),
        ("start_date=2025-10-03", vec!["Größe", "Swimming", "Rest"]),
        ("end_date=2025-10-02", vec!["Work", "The canal"]),
        ("start_date=2025-10-02&end_date=2025-10-02", vec!["Work"]),
        ("start_date=2025-10-02T18:00:00Z&end_date=2025-10-03T18:00:00Z", vec!["Rest", "Work"]),
        ("end_date=2025-10-01T17:59:59Z", vec![]),
        ("mood_min=5&tags=walk&start_date=2025-10-02", vec!["Größe"]),
    ] {
        let page = ada.get(format!("/api/journal/entries?{query}")).await.expect_success();
        assert_eq!(titles(&page), expected, "{query}");
        assert_eq!((&page["total"], &page["has_more"]), (&json!(expected.len()), &json!(false)), "{query}");
        let by_cursor = ada.get(format!("/api/journal/entries?{query}&limit=100")).await.expect_success();
        assert_eq!(titles(&by_cursor), expected, "{query}");
    }
}

#[tokio::test]
async fn a_search_supports_words_phrases_and_exclusions_and_ranks_titles_first() {
    let app = TestApp::shared().await;
    let ada = user_with_journal(app).await;
    for (search, expected) in [
        ("canal", vec!["The canal", "Rest", "Work"]),
        ("CANALS", vec!["The canal", "Rest", "Work"]),
        ("walk", vec!["Work", "The canal"]),
        ("canal%20-walk", vec!["Rest"]),
        ("%22walking%20path%22", vec!["Work"]),
        ("%22path%20walking%22", vec![]),
        ("noon%20or%20river", vec!["Swimming", "Rest"]),
        ("spaziergang", vec!["Größe"]),
        ("größe", vec!["Größe"]),
        ("the", vec![]),
        ("%22%20%26%20%7C%20!%20%3A*%20(", vec![]),
    ] {
        let page = ada.get(format!("/api/journal/entries?search={search}")).await.expect_success();
        assert_eq!(titles(&page), expected, "{search}");
        assert_eq!(page["total"], expected.len());
    }
    let newest_first = ada.get("/api/journal/entries?search=canal&limit=2").await.expect_success();
    assert_eq!(titles(&newest_first), ["Rest", "Work"], "pages by cursor are sorted by time");
    let second = ada.get("/api/journal/entries?search=canal&page=2&page_size=2").await.expect_success();
    assert_eq!((titles(&second), &second["has_more"]), (vec!["Work"], &json!(false)));
}

#[tokio::test]
async fn a_search_result_is_cached_under_a_key_that_does_not_reveal_the_query() {
    let app = TestApp::start().await;
    let ada = user_with_journal(&app).await;
    let path = "/api/journal/entries?search=kanal&tags=walk";
    let first = ada.get(path).await;
    assert_ne!(first.cache_status(), "hit");
    assert_eq!(ada.get(path).until_hit().await.body, first.body);
    let keys: Vec<String> = app.redis(redis::cmd("KEYS").arg("*")).await;
    assert!(keys.iter().any(|key| key.starts_with(&format!("journal:list:{}:query:", ada.id))), "{keys:?}");
    assert!(!keys.iter().any(|key| key.contains("kanal") || key.contains("walk")), "{keys:?}");
    ada.post("/api/journal/entries", &json!({"content": "Wieder am Kanal.", "title": "Again", "tags": ["walk"]}))
        .await
        .expect_success();
    assert_eq!(titles(&ada.get(path).await.expect_success()), ["Again", "Größe"]);
}

#[tokio::test]
async fn a_tag_is_trimmed_before_it_is_stored() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    ada.post("/api/journal/entries", &json!({"content": "x", "title": "Nap", "tags": [" sleep ", "rest"]}))
        .await
        .expect_success();
    assert_eq!(titles(&ada.get("/api/journal/entries?tags=sleep").await.expect_success()), ["Nap"]);
    let comma = json!({"content": "x", "tags": ["a,b"]});
    ada.post("/api/journal/entries", &comma).await.expect_problem(422, "invalid_fields");
}

/// The text search parser of Postgres interprets a sequence of these patterns as a file or a host.
/// It looks back over the whole sequence at each step, so that a write would exceed its deadline.
#[tokio::test]
async fn every_text_is_indexed_within_the_deadline_of_a_write() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for pattern in ["a_", "walk_", "a1@", "~/", "./", "a.b/", "http://a.b/?", "a-", "1e5", "&lt;", "<a "] {
        let content = pattern.repeat(40_000 / pattern.len());
        let body = json!({"title": pattern.repeat(400 / pattern.len()), "content": content});
        let entry = ada.post("/api/journal/entries", &body).await;
        assert_eq!(entry.status, 201, "{pattern}: {}", entry.text());
    }
    ada.post("/api/journal/entries", &json!({"content": "see snake_case/path"})).await.expect_success();
    let found = ada.get("/api/journal/entries?search=snake_case").await.expect_success();
    assert_eq!(found["total"], 1);
}

#[tokio::test]
async fn the_error_names_an_invalid_filter() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (query, field) in [
        ("tags=", "tags"),
        ("mood_min=0", "mood_min"),
        ("mood_max=high", "mood_max"),
        ("mood_min=5&mood_max=4", "mood_max"),
        ("start_date=soon", "start_date"),
        ("end_date=2025-02-30", "end_date"),
        ("start_date=2025-10-02&end_date=2025-10-01", "end_date"),
        ("search=", "search"),
        ("search=a%00b", "search"),
    ] {
        let problem = ada.get(format!("/api/journal/entries?{query}")).await.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}
