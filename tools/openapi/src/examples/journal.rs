//! Examples of the journal.

use serde_json::{Value, json};

use super::{ENTRY_ID, Example, Examples, NEXT_CURSOR, USER_ID};

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    let response = |status, summary| Examples::response(status, [Example::new("entry", summary, entry(ENTRY_ID))]);
    Some(match operation_id {
        "journal-list" => list(),
        "journal-create" => response("201", "The entry").body([
            Example::new("least", "Text alone", json!({"content": "Walked home along the canal."})),
            Example::new(
                "most",
                "With everything",
                json!({
                    "title": "After the rain", "content": "Walked home along the canal.", "mood": 7.5, "mood_emoji": "🙂",
                    "tags": ["walk", "canal"], "images": ["https://images.example.org/canal.jpg"]
                }),
            ),
        ]),
        "journal-get" => response("200", "An entry"),
        "journal-update" => response("200", "The entry").body([
            Example::new("mood", "Another mood", json!({"mood": 8})),
            Example::new(
                "clear",
                "No title and no mood",
                json!({"title": null, "mood": null, "mood_emoji": null}),
            ),
        ]),
        "journal-insights" => Examples::response("200", [Example::new("insights", "Three days", insights())])
            .parameters([("days", json!(90))]),
        _ => return None,
    })
}

fn list() -> Examples {
    let page = json!({"entries": [entry(ENTRY_ID)], "total": 1, "page": 1, "page_size": 20, "has_more": false});
    let after_cursor = json!({
        "entries": [{"id": ENTRY_ID, "title": "After the rain"}], "next_cursor": NEXT_CURSOR, "has_more": true
    });
    let examples = [
        Example::new("page", "A numbered page", page),
        Example::new("cursor", "After a cursor, two fields of each entry", after_cursor),
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

pub(super) fn entry(id: &str) -> Value {
    json!({
        "id": id, "user_id": USER_ID, "title": "After the rain", "content": "Walked home along the canal.", "mood": 7.5,
        "mood_emoji": "🙂", "tags": ["walk", "canal"], "images": ["https://images.example.org/canal.jpg"], "ai_insights": null,
        "created_at": "2026-11-02T18:41:12.094482Z", "updated_at": "2026-11-02T18:41:12.094482Z"
    })
}

fn insights() -> Value {
    json!({
        "days": 30, "entries_analyzed": 4, "mood_trend": "improving", "average_mood": 6.33,
        "mood_by_day": [
            {"date": "2026-10-31", "average_mood": 5.5, "entries": 2},
            {"date": "2026-11-01", "average_mood": 6.0, "entries": 1},
            {"date": "2026-11-02", "average_mood": 7.5, "entries": 1}
        ],
        "writing_streak": 3,
        "most_used_tags": [{"tag": "walk", "count": 3}, {"tag": "canal", "count": 1}]
    })
}
