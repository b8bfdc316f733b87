//! The profile that shapes the conversation.

#![expect(dead_code, reason = "only the schemas of the requests are used")]

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::ComponentsBuilder;
use utoipa::openapi::path::HttpMethod::{Get, Patch};
use utoipa::openapi::schema::ObjectBuilder;

use super::operation::Operation;
use super::parameter::{nullable, writing};
use super::{PROFILE_ID, USER_ID, referred};

/// What is to be different; what is absent stays.
#[derive(ToSchema)]
#[schema(as = ProfileChange)]
pub(super) struct ProfilePatch {
    /// What is known of the person: an object of the client's making, at most 8192 bytes of JSON. Replaced as a whole.
    #[schema(value_type = Option<Object>)]
    traits: Option<Value>,
    #[schema(schema_with = style)]
    communication_style: Option<String>,
    /// What the person asked for: an object of the client's making, at most 8192 bytes of JSON. Replaced as a whole.
    #[schema(value_type = Option<Object>)]
    preferences: Option<Value>,
}

fn style() -> ObjectBuilder {
    nullable(writing(100)).description(Some("Such as \"supportive\" or \"direct\". Null clears it."))
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [referred::<ProfilePatch>, referred::<shared::domain::Profile>];
    schemas.into_iter().fold(components, |components, add| add(components))
}

pub(super) fn operations() -> Vec<Operation> {
    let (path, tag) = ("/api/users/{user_id}/profile", "profile");
    vec![
        Operation::new(Get, path, "profile-get", tag)
            .about("Read the profile", "How Kai should speak with the caller.")
            .signed_in()
            .path_user_id()
            .cacheable()
            .answers(200, "The profile.", "Profile", [("profile", "A profile", example(PROFILE_ID))]),
        Operation::new(Patch, path, "profile-update", tag)
            .about("Change the profile", "Fields that are absent stay as they are. Answers of the model that were kept for the old profile are not used again.")
            .signed_in()
            .path_user_id()
            .writes()
            .body::<ProfilePatch>("The change.", [
                ("style", "Another style", json!({"communication_style": "gentle"})),
                ("nothing", "No style in particular", json!({"communication_style": null})),
                ("objects", "Objects of the client's making", json!({"traits": {"age_group": "adult"}, "preferences": {"reminders": true}})),
            ])
            .answers(200, "The profile as it is now.", "Profile", [("profile", "A profile", example(PROFILE_ID))]),
    ]
}

pub(super) fn example(id: &str) -> Value {
    json!({
        "id": id, "user_id": USER_ID, "traits": {"age_group": "adult"}, "communication_style": "gentle",
        "preferences": {"reminders": true}, "created_at": "2026-11-02T08:16:04.512031Z",
        "updated_at": "2026-11-02T08:20:31.004217Z"
    })
}
