//! Examples of the journal.

use serde_json::{Value, json};
use shared::domain::Entry;

use super::{ENTRY_ID, Example, Examples, NEXT_CURSOR, example_of};

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    Some(match operation_id {
        "journal-list" => list(),
        "journal-create" => Examples::default().body([
            Example::new("least", "Only the text", json!({"content": "Walked home along the canal."})),
            Example::new("most", "All fields", new_entry()),
        ]),
        "journal-update" => Examples::default().body([
            Example::new("mood", "A new mood", json!({"mood": 8})),
            Example::new(
                "clear",
                "Clear the title and the mood",
                json!({"title": null, "mood": null, "mood_emoji": null}),
            ),
        ]),
        "journal-insights" => Examples::default().parameters([("days", json!(90))]),
        _ => return None,
    })
}

/// Returns the example of an entry without the fields that the service sets.
fn new_entry() -> Value {
    let mut entry = example_of::<Entry>();
    if let Value::Object(fields) = &mut entry {
        let is_set_by_client =
            |name: &str| !["id", "user_id", "ai_insights", "created_at", "updated_at"].contains(&name);
        fields.retain(|name, _| is_set_by_client(name));
    }
    entry
}

fn list() -> Examples {
    let page = json!({"entries": [example_of::<Entry>()], "total": 1, "page": 1, "page_size": 20, "has_more": false});
    let after_cursor = json!({
        "entries": [{"id": ENTRY_ID, "title": "After the rain"}], "next_cursor": NEXT_CURSOR, "has_more": true
    });
    let examples = [
        Example::new("page", "A numbered page", page),
        Example::new("cursor", "Two fields of each entry after a cursor", after_cursor),
    ];
    Examples::response("200", examples).parameters([
        ("page", json!(1)),
        ("page_size", json!(20)),
        ("cursor", json!(NEXT_CURSOR)),
        ("limit", json!(20)),
        ("tags", json!(["walk", "canal"])),
        ("mood_min", json!(3)),
        ("mood_max", json!(8.5)),
        ("start_date", json!("2026-10-01")),
        ("end_date", json!("2026-12-31")),
        ("search", json!("canal -winter")),
        ("fields", json!(["id", "title", "created_at"])),
    ])
}
