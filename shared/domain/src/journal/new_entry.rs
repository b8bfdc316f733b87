//! The requests to create an entry and to change one, and the statements that they become.

use jiff::Timestamp;
use uuid::Uuid;

use super::EntryId;
use super::fields::{Content, Images, Mood, Tags};
use crate::query::sql::journal::{Create, Update};
use crate::request;
use crate::validation::{CallerId, OrDefault, text_field};

text_field!(
    /// The title of an entry.
    Title: 1..=500
);

text_field!(
    /// An emoji for a mood. Some emoji consist of several characters.
    MoodEmoji: 1..=10
);

// The limits keep a page of 100 entries below Lambda's 6 MB for a response.
request! {
    /// A new journal entry.
    #[derive(Debug)]
    pub struct NewEntry {
        /// The title: 1 to 500 characters, and not blank.
        title: Option<Title>,
        /// The text: 1 to 40,000 bytes in UTF-8, and not blank.
        content: Content,
        /// The mood from 1 (bad) to 10 (good).
        mood: Option<Mood>,
        /// An emoji for the mood: 1 to 10 characters.
        mood_emoji: Option<MoodEmoji>,
        /// Up to 20 tags of 1 to 50 characters each, without commas.
        tags: OrDefault<Tags>,
        /// Up to 10 `https://` URLs of images: at most 500 characters each, without credentials.
        images: OrDefault<Images>,
        /// The id of the user who is signed in, which older clients send. Any other id is rejected
        /// with 403.
        pub user_id: Option<CallerId>,
    }
}

request! {
    /// A change to an entry. Absent fields keep their values. Null clears `title`, `mood` and
    /// `mood_emoji`, and leaves the other fields unchanged.
    #[derive(Debug)]
    #[schema(as = EntryChange)]
    pub struct EntryPatch {
        /// The new title: 1 to 500 characters, and not blank. Null clears it.
        title: Option<Option<Title>>,
        /// The new text: 1 to 40,000 bytes in UTF-8, and not blank.
        content: Option<Content>,
        /// The new mood from 1 (bad) to 10 (good). Null clears it.
        mood: Option<Option<Mood>>,
        /// The new emoji for the mood: 1 to 10 characters. Null clears it.
        mood_emoji: Option<Option<MoodEmoji>>,
        /// The new tags, which replace all existing ones: up to 20 of 1 to 50 characters each,
        /// without commas.
        tags: Option<Tags>,
        /// The new images, which replace all existing ones: up to 10 `https://` URLs of at most 500
        /// characters each, without credentials.
        images: Option<Images>,
        /// The id of the user who is signed in, which older clients send. Any other id is rejected
        /// with 403.
        pub user_id: Option<CallerId>,
    }
}

impl NewEntry {
    /// Returns the statement that creates the entry, with a new id.
    pub(super) fn creation(&self) -> Create<'_> {
        Create {
            entry_id: Uuid::now_v7(),
            title: self.title.as_deref(),
            content: &self.content,
            mood: self.mood,
            mood_emoji: self.mood_emoji.as_deref(),
            tags: &self.tags,
            images: &self.images,
        }
    }
}

impl EntryPatch {
    /// Returns the statement that changes the entry `id`, if its version is still `version`.
    pub(super) fn update(&self, id: EntryId, version: Option<Timestamp>) -> Update<'_> {
        Update {
            entry_id: id.0,
            set_title: self.title.is_some(),
            title: self.title.as_ref().and_then(Option::as_deref),
            content: self.content.as_deref(),
            set_mood: self.mood.is_some(),
            mood: self.mood.flatten(),
            set_mood_emoji: self.mood_emoji.is_some(),
            mood_emoji: self.mood_emoji.as_ref().and_then(Option::as_deref),
            tags: self.tags.as_deref(),
            images: self.images.as_deref(),
            version,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::{Error, Result};
    use crate::validation::FieldReader;

    fn draft(body: &Value) -> Result<NewEntry> {
        FieldReader::from_json(body.to_string().as_bytes()).unwrap().parse()
    }

    #[test]
    fn the_least_and_the_most_are_accepted() {
        assert!(draft(&json!({"content": "x"})).is_ok());
        let most = json!({
            "title": "ä".repeat(500), "content": "x".repeat(40_000), "mood": 10, "mood_emoji": "🙂", "tags": vec!["t"; 20],
            "images": vec!["https://example.org/a.png"; 10]
        });
        assert!(draft(&most).is_ok());
    }

    #[test]
    fn a_field_beyond_its_limit_is_rejected_by_name() {
        for (field, value) in [
            ("title", json!("x".repeat(501))),
            ("content", json!("ä".repeat(20_001))),
            ("content", json!("")),
            ("content", json!("a\u{0}b")),
            ("mood", json!(0.9)),
            ("mood", json!(10.1)),
            ("mood", json!("7")),
            ("mood_emoji", json!("x".repeat(11))),
            ("tags", json!(vec!["t"; 21])),
            ("tags", json!([7])),
            ("images", json!(["http://example.org/a.png"])),
            ("images", json!(["https://user@example.org/a.png"])),
            ("images", json!(["javascript:alert(1)"])),
            ("user_id", json!("me")),
        ] {
            let mut body = json!({"content": "x"});
            body[field] = value;
            let Err(Error::Invalid(errors)) = draft(&body) else { panic!("accepted {body}") };
            assert_eq!(errors[0].field, field, "{body}");
        }
    }

    #[test]
    fn a_patch_distinguishes_null_from_absent_and_has_the_same_limits() {
        let change = |body: Value| -> Result<EntryPatch> {
            FieldReader::from_json(body.to_string().as_bytes()).unwrap().parse()
        };
        let nothing = change(json!({})).unwrap();
        assert!(nothing.title.is_none() && nothing.content.is_none() && nothing.tags.is_none());
        let cleared = change(json!({"title": null, "mood": null, "content": null, "tags": []})).unwrap();
        assert_eq!((cleared.title, cleared.mood), (Some(None), Some(None)));
        assert_eq!((cleared.content, cleared.tags), (None, Some(Vec::new())));
        for field in ["title", "content", "mood", "mood_emoji", "tags", "images"] {
            let Err(Error::Invalid(errors)) = change(json!({field: {}})) else { panic!("{field} was accepted") };
            assert_eq!(errors[0].field, field);
        }
    }
}
