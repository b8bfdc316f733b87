//! Tests of `PUT` and `PATCH /api/journal/entries/{entry_id}`.

use std::collections::BTreeSet;

use api_tests::openapi::{Operation, schema};
use api_tests::{Request, TestApp, TestUser, entry_path, member_names, send_all, sorted_statuses};
use serde_json::{Value, json};
use uuid::Uuid;

use super::journal_create::full_body;

/// Builds a request that updates an entry.
fn update(user: &TestUser, method: &str, entry: &Value, body: &Value) -> Request {
    user.request(method, entry_path(entry)).json(body)
}

#[tokio::test]
async fn put_and_patch_change_only_the_given_fields() {
    let app = TestApp::shared().await;
    for method in ["PUT", "PATCH"] {
        let ada = app.new_user().await;
        let body =
            json!({"title": "Fog", "content": "Grey.", "mood": 4, "mood_emoji": "🌫️", "tags": ["walk"], "images": []});
        let mut entry = ada.post("/api/journal/entries", &body).await.expect_success();
        for (body, member, value) in [
            (json!({"content": "Grey, then blue."}), "content", json!("Grey, then blue.")),
            (json!({"mood": 7.5}), "mood", json!(7.5)),
            (json!({"title": null}), "title", Value::Null),
            (json!({"tags": []}), "tags", json!([])),
            (json!({"mood": null}), "mood", Value::Null),
            (json!({"mood_emoji": "☀️"}), "mood_emoji", json!("☀️")),
            (json!({"images": ["https://example.org/a.jpg"]}), "images", json!(["https://example.org/a.jpg"])),
            (
                json!({"content": null, "unknown": 1, "id": Uuid::nil(), "created_at": "2001-01-01T00:00:00Z"}),
                "title",
                Value::Null,
            ),
        ] {
            entry = expect_change(&ada, method, &entry, &body, member, value).await;
        }
    }
}

#[tokio::test]
async fn every_field_can_be_set_and_null_clears_the_fields_that_may_be_null() {
    let app = TestApp::shared().await;
    let body = full_body();
    let operation = Operation::of_route("PATCH /api/journal/entries/{entry_id}").unwrap();
    let fields = || operation.body_fields().map(|(name, _)| name).filter(|name| *name != "user_id");
    assert_eq!(fields().collect::<BTreeSet<_>>(), member_names(&body));
    for method in ["PUT", "PATCH"] {
        let ada = app.new_user().await;
        let mut entry = ada.create_entry("before the changes").await;
        for name in fields() {
            assert_ne!(entry[name], body[name], "{name} changes");
            entry = expect_change(&ada, method, &entry, &json!({name: body[name]}), name, body[name].clone()).await;
        }
        for name in fields() {
            let types = schema("Entry")["properties"][name]["type"].as_array();
            let is_nullable = types.is_some_and(|types| types.contains(&json!("null")));
            let expected = if is_nullable { Value::Null } else { entry[name].clone() };
            entry = expect_change(&ada, method, &entry, &json!({name: null}), name, expected).await;
        }
    }
}

/// Asserts that an update changes only this member of an entry and its `updated_at`. Returns the
/// entry.
async fn expect_change(
    user: &TestUser,
    method: &str,
    entry: &Value,
    body: &Value,
    member: &str,
    value: Value,
) -> Value {
    // The entry is cached, so that an outdated record would be detected.
    user.get(entry_path(entry)).until_hit().await;
    let updated = update(user, method, entry, body).await.expect_success();
    let mut expected = entry.clone();
    expected[member] = value;
    expected["updated_at"] = updated["updated_at"].clone();
    assert_eq!(updated, expected, "{method} {body}");
    assert!(updated["updated_at"].as_str() > entry["updated_at"].as_str());
    assert_eq!(user.get(entry_path(entry)).await.expect_success(), updated);
    assert_eq!(user.list_entries().await.json()["entries"], json!([updated]));
    updated
}

#[tokio::test]
async fn another_users_entry_or_a_missing_one_cannot_be_changed() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let entry = bob.create_entry("private").await;
    update(&ada, "PATCH", &entry, &json!({"content": "x"})).await.expect_problem(404, "not_found");
    let absent = json!({"id": Uuid::now_v7()});
    update(&ada, "PUT", &absent, &json!({"content": "x"})).await.expect_problem(404, "not_found");
    let foreign = json!({"content": "x", "user_id": ada.id});
    update(&bob, "PATCH", &entry, &foreign).await.expect_problem(403, "forbidden");
    update(&bob, "PATCH", &entry, &json!({"mood": 0})).await.expect_problem(422, "invalid_fields");
    assert_eq!(bob.get(entry_path(&entry)).await.expect_success(), entry);
}

#[tokio::test]
async fn if_match_changes_only_the_version_that_was_read() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let entry = ada.create_entry("first").await;
    let etag = ada.get(entry_path(&entry)).await.header("etag").unwrap().to_owned();
    let send =
        |tag: &str, content: &str| update(&ada, "PATCH", &entry, &json!({"content": content})).header("if-match", tag);
    send("W/\"00000000000000000000000000000000\"", "x").await.expect_problem(412, "precondition_failed");
    assert_eq!(send(&etag, "second").await.expect_success()["content"], "second");
    send(&etag, "third").await.expect_problem(412, "precondition_failed");
    assert_eq!(send("*", "fourth").await.expect_success()["content"], "fourth");
    let (bob, absent) = (app.new_user().await, json!({"id": Uuid::now_v7()}));
    for nothing in [&entry, &absent] {
        let response = update(&bob, "PATCH", nothing, &json!({"content": "x"})).header("if-match", &etag).await;
        response.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn if_many_updates_of_one_version_race_only_one_succeeds() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for _ in 0..5 {
        let entry = ada.create_entry("first").await;
        let etag = ada.get(entry_path(&entry)).await.header("etag").unwrap().to_owned();
        let updates = (0..6).map(|number| {
            let body = json!({"content": format!("version {number}")});
            update(&ada, "PUT", &entry, &body).header("if-match", &etag)
        });
        let responses = send_all(updates).await;
        assert_eq!(sorted_statuses(&responses), [200, 412, 412, 412, 412, 412]);
        let winner = responses.iter().find(|response| response.status == 200).unwrap().json();
        assert_eq!(ada.get(entry_path(&entry)).await.expect_success(), winner);
    }
}
