//! Examples of the profile.

use serde_json::{Value, json};

use super::{Example, Examples, USER_ID};

const PROFILE_ID: &str = "0192f0c1-7a3b-7c4d-8e5f-102132435466";

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    let response = Examples::response("200", [Example::new("profile", "A profile", profile())]);
    Some(match operation_id {
        "profile-get" => response,
        "profile-update" => response.body([
            Example::new("style", "Another style", json!({"communication_style": "gentle"})),
            Example::new("nothing", "No style in particular", json!({"communication_style": null})),
            Example::new(
                "objects",
                "Objects that the client defines",
                json!({"traits": {"age_group": "adult"}, "preferences": {"reminders": true}}),
            ),
        ]),
        _ => return None,
    })
}

pub(super) fn profile() -> Value {
    json!({
        "id": PROFILE_ID, "user_id": USER_ID, "traits": {"age_group": "adult"}, "communication_style": "gentle",
        "preferences": {"reminders": true}, "created_at": "2026-11-02T08:16:04.512031Z",
        "updated_at": "2026-11-02T08:20:31.004217Z"
    })
}
