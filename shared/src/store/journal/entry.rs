//! One entry: what a person wrote, what may be written, and which of its fields are shown.

use std::fmt;

use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Result;
use crate::fields::{self, Fields, Parsed};
use crate::store::UserId;

/// An entry as the client sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which one.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// A title, or null.
    pub title: Option<String>,
    /// The text.
    pub content: String,
    /// From 1.0 to 10.0, or null.
    pub mood: Option<f64>,
    /// A symbol for the mood, or null.
    pub mood_emoji: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Addresses of images.
    pub images: Vec<String>,
    /// Null until the entry has been analysed.
    pub ai_insights: Option<Value>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Entry {
    /// Reads the entry's side of a join, or `None` where the join found none.
    pub(super) fn from_joined(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let Some(id) = row.try_get("id")? else { return Ok(None) };
        Ok(Some(Self {
            id,
            user_id: UserId(row.try_get("user_id")?),
            title: row.try_get("title")?,
            content: row.try_get("content")?,
            mood: row.try_get("mood")?,
            mood_emoji: row.try_get("mood_emoji")?,
            tags: row.try_get("tags")?,
            images: row.try_get("images")?,
            ai_insights: row.try_get("ai_insights")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        }))
    }
}

/// An entry that is to be written. The bounds keep a page of 100 entries below Lambda's 6 MB for an answer.
#[derive(Debug)]
pub struct Draft {
    pub(super) title: Option<String>,
    pub(super) content: String,
    pub(super) mood: Option<f64>,
    pub(super) mood_emoji: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) images: Vec<String>,
}

impl Draft {
    /// Reads `content` (required), `title`, `mood`, `mood_emoji`, `tags`, `images` and the `user_id` that older clients send along.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with every field that breaks its rule.
    pub fn read(mut body: Fields) -> Result<(Self, Option<UserId>)> {
        let title = body.optional("title", fields::text(500, "must be 1 to 500 characters of text"));
        let content = body.required("content", content);
        let mood = body.optional("mood", fields::number(1.0..=10.0, "must be a number from 1.0 to 10.0"));
        let mood_emoji = body.optional("mood_emoji", fields::text(10, "must be 1 to 10 characters of text"));
        let tag = fields::text(50, "must be a list of at most 20 texts of 1 to 50 characters");
        let tags =
            body.optional("tags", fields::list(20, "must be a list of at most 20 texts of 1 to 50 characters", tag));
        let images = body.optional("images", fields::list(10, IMAGES, image));
        let user = body.optional("user_id", fields::uuid).map(UserId);
        let draft = content.map(|content| Self {
            title,
            content,
            mood,
            mood_emoji,
            tags: tags.unwrap_or_default(),
            images: images.unwrap_or_default(),
        });
        body.finish(draft.map(|draft| (draft, user)))
    }
}

const CONTENT_BYTES: usize = 40_000;

fn content(value: &Value) -> Parsed<String> {
    let rule = "must be text of 1 to 40000 bytes in UTF-8";
    fields::text(CONTENT_BYTES, rule)(value)
        .and_then(|text| if text.len() > CONTENT_BYTES { Err(rule) } else { Ok(text) })
}

const IMAGES: &str = "must be a list of at most 10 https:// URLs of at most 500 characters";

fn image(value: &Value) -> Parsed<String> {
    let text = fields::text(500, IMAGES)(value)?;
    let uri: http::Uri = text.parse().map_err(|_| IMAGES)?;
    let public = uri.scheme_str() == Some("https") && uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    if public { Ok(text) } else { Err(IMAGES) }
}

/// Names of the fields that can be selected, in the order in which they are shown.
const NAMES: [&str; 11] = [
    "id",
    "user_id",
    "title",
    "content",
    "mood",
    "mood_emoji",
    "tags",
    "images",
    "ai_insights",
    "created_at",
    "updated_at",
];

/// A selection of fields, as a bit for each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryFields(u16);

impl Default for EntryFields {
    fn default() -> Self {
        Self((1 << NAMES.len()) - 1)
    }
}

impl EntryFields {
    /// Reads names separated by commas.
    ///
    /// # Errors
    /// The rule, when a name is unknown or there is none.
    pub fn parse(value: &Value) -> Parsed<Self> {
        let rule = "must be names of entry fields, separated by commas";
        value.as_str().ok_or(rule)?.split(',').try_fold(Self(0), |fields, name| {
            let index = NAMES.iter().position(|known| *known == name.trim()).ok_or(rule)?;
            Ok(Self(fields.0 | 1 << index))
        })
    }

    pub(super) fn is_all(self) -> bool {
        self == Self::default()
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().enumerate().filter(move |(index, _)| self.0 >> index & 1 == 1).map(|(_, name)| name)
    }
}

impl fmt::Display for EntryFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

/// An entry of which only some fields are shown.
pub(super) struct Selected<'a> {
    pub(super) entry: &'a Entry,
    pub(super) fields: EntryFields,
}

impl Serialize for Selected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.entry;
        if self.fields.is_all() {
            return entry.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        for name in self.fields.names() {
            match name {
                "id" => map.serialize_entry(name, &entry.id)?,
                "user_id" => map.serialize_entry(name, &entry.user_id)?,
                "title" => map.serialize_entry(name, &entry.title)?,
                "content" => map.serialize_entry(name, &entry.content)?,
                "mood" => map.serialize_entry(name, &entry.mood)?,
                "mood_emoji" => map.serialize_entry(name, &entry.mood_emoji)?,
                "tags" => map.serialize_entry(name, &entry.tags)?,
                "images" => map.serialize_entry(name, &entry.images)?,
                "ai_insights" => map.serialize_entry(name, &entry.ai_insights)?,
                "created_at" => map.serialize_entry(name, &entry.created_at)?,
                _ => map.serialize_entry("updated_at", &entry.updated_at)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Error;

    fn draft(body: &Value) -> Result<Draft> {
        Draft::read(Fields::from_json(body.to_string().as_bytes()).unwrap()).map(|(draft, _)| draft)
    }

    fn entry() -> Entry {
        let at = Timestamp::UNIX_EPOCH;
        Entry {
            id: Uuid::nil(),
            user_id: UserId(Uuid::nil()),
            title: None,
            content: "text".to_owned(),
            mood: Some(7.0),
            mood_emoji: None,
            tags: vec!["sleep".to_owned()],
            images: Vec::new(),
            ai_insights: None,
            created_at: at,
            updated_at: at,
        }
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
    fn a_selection_shows_the_same_values_as_the_whole() {
        let entry = entry();
        let whole = serde_json::to_value(&entry).unwrap();
        for name in NAMES {
            let fields = EntryFields::parse(&Value::from(name)).unwrap();
            let part = serde_json::to_value(Selected { entry: &entry, fields }).unwrap();
            assert_eq!(part, json!({name: whole[name]}));
        }
        assert_eq!(whole.as_object().unwrap().len(), NAMES.len());
    }

    #[test]
    fn an_entry_that_postgres_wrote_as_json_reads_as_the_same() {
        let stored = json!({
            "id": Uuid::nil(), "user_id": Uuid::nil(), "title": null, "content": "text", "mood": 7, "mood_emoji": null,
            "tags": ["sleep"], "images": [], "ai_insights": null, "created_at": "1970-01-01T00:00:00+00:00",
            "updated_at": "1970-01-01T01:00:00+01:00"
        });
        assert_eq!(serde_json::from_value::<Entry>(stored).unwrap(), entry());
    }
}
