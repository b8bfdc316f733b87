//! The JSON bodies that the API and the library use. They contain the registers as strings and
//! numbers.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Failure;
use crate::user::{REGISTERS, Resource, User};

/// Parses the registers in the body of a resource.
///
/// # Errors
/// [`Failure::Unexpected`] if the body does not contain the registers.
pub(super) fn parse_versions(user: &User, resource: Resource, body: &[u8]) -> Result<[u64; REGISTERS], Failure> {
    let versions = match resource {
        Resource::Profile => serde_json::from_slice(body).ok().and_then(|profile: Profile| {
            Some([profile.communication_style.parse().ok()?, profile.preferences.version])
        }),
        Resource::Journal => serde_json::from_slice(body).ok().and_then(|page: Page| {
            let find = |id: &Uuid| page.entries.iter().find(|entry| entry.id == *id)?.content.parse().ok();
            let [first, second] = user.entries.each_ref().map(find);
            Some([first?, second?])
        }),
    };
    versions.ok_or_else(|| Failure::Unexpected(format!("{resource:?}: {}", String::from_utf8_lossy(body))))
}

/// Returns the body of a write to a register.
pub(super) fn patch(resource: Resource, number: usize, version: u64) -> Value {
    match (resource, number) {
        (Resource::Journal, _) => json!({"content": version.to_string()}),
        (Resource::Profile, 0) => json!({"communication_style": version.to_string()}),
        (Resource::Profile, _) => json!({"preferences": {"version": version}}),
    }
}

#[derive(Deserialize)]
struct Profile {
    communication_style: String,
    preferences: Preferences,
}

#[derive(Deserialize)]
struct Preferences {
    version: u64,
}

#[derive(Deserialize)]
struct Page {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: Uuid,
    content: String,
}
