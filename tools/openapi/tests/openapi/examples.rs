//! Tests that every operation has examples, and that each of them is valid under its schema.

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{document, operations, resolved};

/// Returns a validator for a schema of the document, which may refer to other parts of the
/// document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], "allOf": [schema]
    });
    jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
}

#[track_caller]
fn assert_valid(document: &Value, schema: &Value, value: &Value, what: &str) {
    let errors: Vec<_> = validator(document, schema).iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{what}: {errors:?} in {value}");
}

/// Checks that all examples of a content are valid under its schema, and returns their number.
fn check(document: &Value, content: &Value, what: &str) -> usize {
    let examples = content["examples"].as_object().unwrap_or_else(|| panic!("{what} has no example"));
    assert!(!examples.is_empty(), "{what}");
    for (name, example) in examples {
        assert_valid(document, &content["schema"], &resolved(document, example)["value"], &format!("{what}: {name}"));
    }
    examples.len()
}

#[test]
fn every_example_of_a_body_or_a_response_is_valid_under_its_schema() {
    let document = document();
    let mut checked = 0;
    for (route, operation) in operations(&document) {
        for content in operation["requestBody"]["content"].as_object().into_iter().flat_map(|all| all.values()) {
            checked += check(&document, content, &route);
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let contents = resolved(&document, response)["content"].as_object();
            assert_eq!(contents.is_none(), ["204", "304"].contains(&status.as_str()), "{route} {status}");
            for (media_type, content) in contents.into_iter().flatten() {
                checked += check(&document, content, &format!("{route} {status} {media_type}"));
            }
        }
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn every_parameter_and_header_has_an_example_that_is_valid_under_its_schema() {
    let document = document();
    let operations = operations(&document);
    let parameters =
        operations.iter().flat_map(|(_, operation)| operation["parameters"].as_array().into_iter().flatten());
    let headers = document["components"]["headers"].as_object().unwrap().values();
    for value in parameters.chain(headers).map(|value| resolved(&document, value)) {
        assert!(!value["example"].is_null(), "{value}");
        assert_valid(&document, &value["schema"], &value["example"], &value.to_string());
    }
}

/// The schemas reject what the parsers of the functions reject.
#[test]
fn the_limits_of_requests_are_in_their_schemas() {
    let document = document();
    let rejected = |name: &str, value: &Value| {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        !validator(&document, &schema).is_valid(value)
    };
    let text = |length: usize| "x".repeat(length);
    let most = json!({
        "content": text(40_000), "title": "ä".repeat(500), "mood": 10, "mood_emoji": "🙂", "tags": vec!["t"; 20],
        "images": vec!["https://example.org/a.png"; 10], "user_id": null, "unknown": true
    });
    assert!(!rejected("NewEntry", &most));
    for (field, value) in [
        ("content", json!(text(40_001))),
        ("content", json!(" \n")),
        ("content", json!("a\u{0}b")),
        ("content", json!(null)),
        ("title", json!("")),
        ("title", json!(text(501))),
        ("mood", json!(0.9)),
        ("mood", json!(10.1)),
        ("mood", json!("7")),
        ("mood_emoji", json!(text(11))),
        ("tags", json!(vec!["t"; 21])),
        ("tags", json!(["a,b"])),
        ("tags", json!([" "])),
        ("images", json!(["http://example.org/a.png"])),
        ("images", json!(["https://user@example.org/a.png"])),
        ("images", json!(vec!["https://example.org/a.png"; 11])),
        ("user_id", json!("me")),
    ] {
        let mut entry = json!({"content": "x"});
        assert!(!rejected("NewEntry", &entry) && !rejected("EntryChange", &entry));
        entry[field] = value.clone();
        assert!(rejected("NewEntry", &entry), "{field}: {value}");
        // In a change, null leaves the field unchanged or clears it.
        assert_eq!(rejected("EntryChange", &entry), !value.is_null(), "{field}: {value}");
    }
    for (name, valid, field, values) in [
        (
            "Registration",
            json!({"email": "a@b.de", "password": text(8)}),
            "password",
            vec![json!(text(7)), json!(text(129))],
        ),
        (
            "Registration",
            json!({"email": "a@b.de", "password": text(8)}),
            "email",
            vec![json!("a"), json!("a@b"), json!("a b@c.de"), json!(7)],
        ),
        ("Login", json!({"email": "a@b.de", "password": "x"}), "password", vec![json!(""), json!(text(129))]),
        (
            "PasswordChange",
            json!({"old_password": "x", "new_password": text(8)}),
            "new_password",
            vec![json!(text(7)), json!(null)],
        ),
        (
            "ProfileChange",
            json!({"communication_style": null}),
            "communication_style",
            vec![json!(""), json!(text(101))],
        ),
        ("ProfileChange", json!({}), "traits", vec![json!([]), json!("x")]),
        ("NewMessage", json!({"message": text(4000)}), "message", vec![json!(" "), json!(text(4001))]),
        ("NewMessage", json!({"message": "x", "country": "de"}), "country", vec![json!("deu"), json!(7)]),
    ] {
        assert!(!rejected(name, &valid), "{name}: {valid}");
        for value in values {
            let mut wrong = valid.clone();
            wrong[field] = value;
            assert!(rejected(name, &wrong), "{name}: {wrong}");
        }
    }
}
