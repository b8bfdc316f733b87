//! What may be written: a new entry, or a change to one.

use serde_json::Value;

use crate::UserId;
use crate::error::Result;
use crate::validation::{self, FieldReader, Parsed};

/// An entry that is to be written. The bounds keep a page of 100 entries below Lambda's 6 MB for an answer.
#[derive(Debug)]
pub struct NewEntry {
    pub(super) title: Option<String>,
    pub(super) content: String,
    pub(super) mood: Option<f64>,
    pub(super) mood_emoji: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) images: Vec<String>,
}

impl NewEntry {
    /// Reads `content` (required), `title`, `mood`, `mood_emoji`, `tags`, `images` and the `user_id` that older clients send along.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with every field that breaks its rule.
    pub fn read(mut body: FieldReader) -> Result<(Self, Option<UserId>)> {
        let title = body.optional("title", title);
        let content = body.required("content", content);
        let mood = body.optional("mood", mood);
        let mood_emoji = body.optional("mood_emoji", mood_emoji);
        let tags = body.optional("tags", tags).unwrap_or_default();
        let images = body.optional("images", images).unwrap_or_default();
        let user = body.optional("user_id", validation::uuid).map(UserId);
        let draft = content.map(|content| Self { title, content, mood, mood_emoji, tags, images });
        body.finish(draft.map(|draft| (draft, user)))
    }
}

/// What a person wants to be different about an entry; what is absent stays.
#[derive(Debug)]
pub struct EntryPatch {
    pub(super) title: Option<Option<String>>,
    pub(super) content: Option<String>,
    pub(super) mood: Option<Option<f64>>,
    pub(super) mood_emoji: Option<Option<String>>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) images: Option<Vec<String>>,
}

impl EntryPatch {
    /// Reads what [`NewEntry::read`] reads, all of it optional. Null clears `title`, `mood` and `mood_emoji`, and leaves the others alone.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with every field that breaks its rule.
    pub fn read(mut body: FieldReader) -> Result<(Self, Option<UserId>)> {
        let change = Self {
            title: body.nullable("title", title),
            content: body.optional("content", content),
            mood: body.nullable("mood", mood),
            mood_emoji: body.nullable("mood_emoji", mood_emoji),
            tags: body.optional("tags", tags),
            images: body.optional("images", images),
        };
        let user = body.optional("user_id", validation::uuid).map(UserId);
        body.finish(Some((change, user)))
    }
}

fn title(value: &Value) -> Parsed<String> {
    validation::text(500, "must be 1 to 500 characters of text")(value)
}

fn mood(value: &Value) -> Parsed<f64> {
    validation::number(1.0..=10.0, "must be a number from 1.0 to 10.0")(value)
}

fn mood_emoji(value: &Value) -> Parsed<String> {
    validation::text(10, "must be 1 to 10 characters of text")(value)
}

fn tags(value: &Value) -> Parsed<Vec<String>> {
    let rule = "must be a list of at most 20 texts of 1 to 50 characters without commas";
    let tag = |value: &Value| {
        let text = validation::text(50, rule)(value)?;
        // By commas a filter tells one tag from the next.
        if text.contains(',') { Err(rule) } else { Ok(text.trim().to_owned()) }
    };
    validation::list(20, rule, tag)(value)
}

const CONTENT_BYTES: usize = 40_000;

fn content(value: &Value) -> Parsed<String> {
    let rule = "must be text of 1 to 40000 bytes in UTF-8";
    validation::text(CONTENT_BYTES, rule)(value)
        .and_then(|text| if text.len() > CONTENT_BYTES { Err(rule) } else { Ok(text) })
}

const IMAGES: &str = "must be a list of at most 10 https:// URLs of at most 500 characters";

fn images(value: &Value) -> Parsed<Vec<String>> {
    validation::list(10, IMAGES, image)(value)
}

fn image(value: &Value) -> Parsed<String> {
    let text = validation::text(500, IMAGES)(value)?;
    let uri: http::Uri = text.parse().map_err(|_| IMAGES)?;
    let public = uri.scheme_str() == Some("https") && uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    if public { Ok(text) } else { Err(IMAGES) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Error;

    fn draft(body: &Value) -> Result<NewEntry> {
        NewEntry::read(FieldReader::from_json(body.to_string().as_bytes()).unwrap()).map(|(draft, _)| draft)
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
    fn each_bound_is_kept_and_named() {
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
    fn a_change_tells_null_from_absent_and_keeps_the_same_bounds() {
        let change = |body: Value| EntryPatch::read(FieldReader::from_json(body.to_string().as_bytes()).unwrap());
        let (nothing, _) = change(json!({})).unwrap();
        assert!(nothing.title.is_none() && nothing.content.is_none() && nothing.tags.is_none());
        let (cleared, _) = change(json!({"title": null, "mood": null, "content": null, "tags": []})).unwrap();
        assert_eq!((cleared.title, cleared.mood), (Some(None), Some(None)));
        assert_eq!((cleared.content, cleared.tags), (None, Some(Vec::new())));
        for field in ["title", "content", "mood", "mood_emoji", "tags", "images"] {
            let Err(Error::Invalid(errors)) = change(json!({field: {}})) else { panic!("{field} was accepted") };
            assert_eq!(errors[0].field, field);
        }
    }
}
