//! Examples of the profile.

use serde_json::json;

use super::{Example, Examples};

pub(super) fn examples(operation_id: &str) -> Option<Examples> {
    Some(match operation_id {
        "profile-update" => Examples::default().body([
            Example::new("style", "A new communication style", json!({"communication_style": "gentle"})),
            Example::new("nothing", "Clear the communication style", json!({"communication_style": null})),
            Example::new(
                "objects",
                "New objects, which the client defines",
                json!({"traits": {"age_group": "adult"}, "preferences": {"reminders": true}}),
            ),
        ]),
        _ => return None,
    })
}
