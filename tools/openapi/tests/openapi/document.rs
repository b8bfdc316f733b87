//! Tests that the document is complete and consistent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{document, operations, resolved};

fn repository(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_document_in_the_repository_is_the_assembled_one() {
    let stored: Value = serde_json::from_str(&repository("docs/openapi.json")).unwrap();
    assert!(stored == document(), "docs/openapi.json is out of date; run `cargo xtask openapi`");
}

#[test]
fn the_document_has_the_version_3_1_of_openapi() {
    assert_eq!(document()["openapi"], "3.1.0");
}

#[test]
fn every_code_in_the_page_of_errors_is_in_the_schema_and_has_an_example_a_response_and_an_operation() {
    let document = document();
    let page = repository("docs/errors.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeSet<(&str, &str)> = rows.map(|(code, rest)| (code, &rest[..3])).collect();
    assert!(documented.len() >= 14, "{documented:?}");
    let codes = documented.iter().map(|(code, _)| *code).collect::<BTreeSet<_>>();

    let schema = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(schema.iter().map(|code| code.as_str().unwrap()).collect::<BTreeSet<_>>(), codes);
    let answered: BTreeSet<&str> = operations(&document)
        .into_iter()
        .flat_map(|(_, operation)| operation["responses"].as_object().unwrap())
        .filter_map(|(_, response)| {
            resolved(&document, response)["content"]["application/problem+json"]["examples"].as_object()
        })
        .flat_map(|examples| examples.keys().map(String::as_str))
        .collect();
    assert_eq!(answered, codes);
    for (code, status) in documented {
        let example = &document["components"]["examples"][code]["value"];
        assert_eq!((&example["code"], example["status"].to_string().as_str()), (&code.into(), status));
        assert!(document["components"]["responses"][code].is_object(), "{code}");
    }
}

#[test]
fn every_operation_has_a_unique_id_texts_parameters_responses_and_its_security() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (route, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{route}");
        for member in ["summary", "description"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{route}: {member}");
        }
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{route}");
        let responses = operation["responses"].as_object().unwrap();
        for status in ["429", "500", "503"] {
            assert!(responses.contains_key(status), "{route}: {status}");
        }
        let protected = !operation["security"].as_array().unwrap().is_empty();
        assert_eq!(
            protected,
            resolved(&document, &responses.get("401").cloned().unwrap_or_default())
                .to_string()
                .contains("`unauthenticated`"),
            "{route}"
        );
        let is_read = route.starts_with("get ");
        let parameters: Vec<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| resolved(&document, parameter))
            .collect();
        // Deleting the figures a second time has no effect, so this write needs no key.
        let keyed = !is_read && route != "delete /health/detailed";
        assert_eq!(parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key"), keyed, "{route}");
        let cacheable = parameters.iter().any(|parameter| parameter["name"] == "If-None-Match");
        assert_eq!(cacheable, responses.contains_key("304"), "{route}");
        for parameter in route.split(['{', '}']).skip(1).step_by(2) {
            assert!(
                parameters.iter().any(|known| known["name"] == parameter && known["in"] == "path"),
                "{route}: {parameter}"
            );
        }
    }
}

#[test]
fn every_link_leads_to_an_operation_with_that_parameter() {
    let document = document();
    let operations = operations(&document);
    let mut followed = 0;
    let responses = operations.iter().flat_map(|(_, operation)| operation["responses"].as_object().unwrap().values());
    for link in responses.filter_map(|response| response["links"].as_object()).flat_map(|links| links.values()) {
        let (_, target) =
            operations.iter().find(|(_, operation)| operation["operationId"] == link["operationId"]).unwrap();
        for name in link["parameters"].as_object().unwrap().keys() {
            let mut parameters =
                target["parameters"].as_array().unwrap().iter().map(|parameter| resolved(&document, parameter));
            assert!(parameters.any(|parameter| parameter["name"] == **name), "{link}");
        }
        followed += 1;
    }
    assert_eq!(followed, 3);
}

#[test]
fn every_reference_has_a_target() {
    fn look(document: &Value, value: &Value, seen: &mut usize) {
        match value {
            Value::Object(members) => {
                if members.get("$ref").is_some_and(Value::is_string) {
                    resolved(document, value);
                    *seen += 1;
                }
                members.values().for_each(|member| look(document, member, seen));
            }
            Value::Array(values) => values.iter().for_each(|value| look(document, value, seen)),
            _ => {}
        }
    }
    let (document, mut seen) = (document(), 0);
    look(&document, &document, &mut seen);
    assert!(seen > 100, "{seen}");
}
