//! The validation of each field that a client sends. The response names the invalid fields, and
//! does not quote the input.

use std::collections::BTreeSet;

use api_tests::openapi::Operation;
use api_tests::{Response, TestApp, unique_email};
use serde_json::{Value, json};

use super::errors::{CANARY, expect_problem_without_input};

/// Asserts that the response rejects exactly these fields.
#[track_caller]
fn expect_invalid_fields(response: &Response, expected: &[&str], what: &str) {
    let problem = expect_problem_without_input(response, 422, "invalid_fields");
    let errors = problem["errors"].as_array().unwrap();
    let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(named, expected, "{what}: {problem}");
}

#[tokio::test]
async fn every_field_of_an_account_is_validated() {
    let app = TestApp::shared().await;
    let client = app.anonymous();
    let valid = json!({"email": "kanarienvogel@example.org", "password": "nine quiet herons"});
    let wrong_emails = [
        json!(null),
        json!(7),
        json!(""),
        json!(CANARY),
        json!("kanarienvogel@"),
        json!("@kanarienvogel.org"),
        json!("kanarienvogel@example"),
        json!("a kanarienvogel@example.org"),
        json!("a@b@example.org"),
        json!(format!("{}@example.org", "k".repeat(65))),
        json!(format!("k@{}.org", "k".repeat(260))),
        json!([CANARY]),
    ];
    for path in ["/api/auth/register", "/api/auth/login"] {
        for email in &wrong_emails {
            let mut body = valid.clone();
            body["email"] = email.clone();
            expect_invalid_fields(&client.post(path, &body).await, &["email"], &format!("{path} {email}"));
        }
        expect_invalid_fields(&client.post(path, &json!({})).await, &["email", "password"], path);
        for password in [json!(null), json!(""), json!(7), json!({"kanarienvogel": 1}), json!(CANARY.repeat(11))] {
            let mut body = valid.clone();
            body["password"] = password.clone();
            expect_invalid_fields(&client.post(path, &body).await, &["password"], &format!("{path} {password}"));
        }
    }
    for password in ["seven77", "éééé"] {
        let body = json!({"email": "kanarienvogel@example.org", "password": password});
        expect_invalid_fields(&client.post("/api/auth/register", &body).await, &["password"], password);
    }
}

#[tokio::test]
async fn a_password_is_accepted_exactly_as_it_was_registered() {
    let app = TestApp::shared().await;
    for password in [
        " spaces around ",
        "emoji 🐤🐤🐤",
        &"x".repeat(128),
        "nul \u{0} inside",
        "\u{0065}\u{0301}\u{0301} not normalised",
    ] {
        let email = unique_email();
        let credentials = json!({"email": email, "password": password});
        assert_eq!(app.anonymous().post("/api/auth/register", &credentials).await.status, 201, "{password:?}");
        assert_eq!(app.anonymous().post("/api/auth/login", &credentials).await.status, 200, "{password:?}");
        let mut truncated = password.to_owned();
        truncated.pop();
        let wrong = json!({"email": email, "password": truncated});
        assert_eq!(app.anonymous().post("/api/auth/login", &wrong).await.status, 401, "{password:?}");
    }
}

#[tokio::test]
async fn every_field_of_an_entry_is_validated_and_all_invalid_ones_are_named_together() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let long = |length: usize| json!(CANARY.repeat(length / CANARY.len() + 1));
    let wrong_values = [
        ("content", json!(null)),
        ("content", json!("")),
        ("content", json!("  \n ")),
        ("content", long(40_000)),
        ("content", json!("kanarienvogel\u{0}")),
        ("content", json!(7)),
        ("content", json!([CANARY])),
        ("title", long(500)),
        ("title", json!("")),
        ("title", json!(7)),
        ("title", json!("kanarienvogel\u{1b}[2J")),
        ("mood", json!(0.9)),
        ("mood", json!(10.1)),
        ("mood", json!("7")),
        ("mood", json!(-1e308)),
        ("mood", json!([7])),
        ("mood_emoji", json!(CANARY)),
        ("mood_emoji", json!("")),
        ("tags", json!(CANARY)),
        ("tags", json!(vec!["t"; 21])),
        ("tags", json!([7])),
        ("tags", json!([""])),
        ("tags", json!([long(50)])),
        ("images", json!("https://example.org/a.png")),
        ("images", json!(vec!["https://example.org/a.png"; 11])),
        ("images", json!(["http://kanarienvogel.org/a.png"])),
        ("images", json!(["javascript:alert('kanarienvogel')"])),
        ("images", json!(["https://kanarienvogel@example.org/"])),
        ("images", json!([format!("https://example.org/{}", "k".repeat(500))])),
        ("images", json!(["//example.org/a.png"])),
        ("images", json!(["/a.png"])),
        ("images", json!([null])),
        ("user_id", json!(CANARY)),
        ("user_id", json!(7)),
        ("user_id", json!(ada.id.simple().to_string())),
    ];
    let operation = Operation::of_route("POST /api/journal/entries").unwrap();
    let fields: BTreeSet<_> = operation.body_fields().map(|(name, _)| name).collect();
    assert_eq!(wrong_values.iter().map(|(field, _)| *field).collect::<BTreeSet<_>>(), fields);
    for (field, value) in wrong_values {
        let mut body = json!({"content": "x"});
        body[field] = value;
        expect_invalid_fields(&ada.post("/api/journal/entries", &body).await, &[field], &body.to_string());
    }
    let all = json!({"title": 1, "mood": 0, "mood_emoji": 1, "tags": 1, "images": 1, "user_id": 1});
    let expected = ["title", "content", "mood", "mood_emoji", "tags", "images", "user_id"];
    assert_eq!(BTreeSet::from(expected), fields);
    expect_invalid_fields(&ada.post("/api/journal/entries", &all).await, &expected, "all");
    assert_eq!(ada.list_entries().await.json()["total"], 0);
}

#[tokio::test]
async fn every_parameter_of_a_list_is_validated() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (query, field) in [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=10001", "page"),
        ("page=kanarienvogel", "page"),
        ("page=1.0", "page"),
        ("page=", "page"),
        ("page=1&page=2", "page"),
        ("page=99999999999999999999", "page"),
        ("page=%00", "page"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=kanarienvogel", "page_size"),
        ("fields=kanarienvogel", "fields"),
        ("fields=", "fields"),
        ("fields=id,,title", "fields"),
        ("fields=id,password_hash", "fields"),
        ("user_id=kanarienvogel", "user_id"),
        ("user_id=", "user_id"),
    ] {
        expect_invalid_fields(&ada.get(format!("/api/journal/entries?{query}")).await, &[field], query);
    }
    expect_invalid_fields(
        &ada.get("/api/journal/entries?page=0&page_size=0&fields=x&user_id=x").await,
        &["page", "page_size", "fields", "user_id"],
        "all",
    );
}

#[tokio::test]
async fn every_field_of_a_profile_is_validated() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (field, value) in [
        ("traits", json!(CANARY)),
        ("traits", json!([CANARY])),
        ("traits", json!({"a": CANARY.repeat(700)})),
        ("traits", json!({"kanarienvogel\u{0}": 1})),
        ("preferences", json!(7)),
        ("preferences", json!({"a": "kanarienvogel\u{0}"})),
        ("communication_style", json!("")),
        ("communication_style", json!(CANARY.repeat(8))),
        ("communication_style", json!(7)),
    ] {
        let response = ada.patch(ada.profile_path(), &json!({field: value})).await;
        expect_invalid_fields(&response, &[field], &format!("{field} {value}"));
    }
    for id in [CANARY, "1", &ada.id.simple().to_string(), "00000000-0000-0000-0000-00000000000g"] {
        for method in ["GET", "PATCH"] {
            let response = ada.request(method, format!("/api/users/{id}/profile")).json(&json!({})).await;
            expect_invalid_fields(&response, &["user_id"], id);
        }
    }
    let profile = ada.get(ada.profile_path()).await.expect_success();
    assert_eq!((&profile["traits"], &profile["communication_style"]), (&json!({}), &Value::Null));
}

#[tokio::test]
async fn an_invalid_scope_or_idempotency_key_is_named() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for scope in [CANARY, "", "ALL"] {
        expect_invalid_fields(&ada.request("POST", format!("/api/auth/logout?scope={scope}")).await, &["scope"], scope);
    }
    for key in ["", "kanarien vogel", &"k".repeat(256), "kanarienvögel"] {
        let response = ada.post("/api/journal/entries", &json!({"content": "x"})).header("idempotency-key", key).await;
        expect_invalid_fields(&response, &["Idempotency-Key"], key);
    }
    assert_eq!(ada.list_entries().await.json()["total"], 0);
}
