//! A journal entry, and the selection of its fields.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::UserId;
use crate::cursor::{Cursor, HasCursor};
use crate::validation::{DefaultField, Field, Parsed, schema};

/// An entry in a user's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({
    "id": "0192f2fd-5c3e-7a90-b1d2-c3e4f5061728",
    "user_id": "0192f0c1-7a3b-7c4d-8e5f-102132435465",
    "title": "After the rain",
    "content": "Walked home along the canal.",
    "mood": 7.5,
    "mood_emoji": "🙂",
    "tags": ["walk", "canal"],
    "images": ["https://images.example.org/canal.jpg"],
    "ai_insights": null,
    "created_at": "2026-11-02T18:41:12.094482Z",
    "updated_at": "2026-11-02T18:41:12.094482Z",
})))]
pub struct Entry {
    /// The id of the entry.
    pub id: Uuid,
    /// The id of the user who wrote the entry.
    pub user_id: UserId,
    /// The title, or null if the entry has none.
    #[schema(required, min_length = 1, max_length = 500)]
    pub title: Option<String>,
    /// The text of the entry, at most 40,000 bytes in UTF-8.
    #[schema(min_length = 1, max_length = 40_000)]
    pub content: String,
    /// The mood from 1 (bad) to 10 (good), or null if the entry has none.
    #[schema(required, minimum = 1.0, maximum = 10.0)]
    pub mood: Option<f64>,
    /// An emoji for the mood, or null if the entry has none.
    #[schema(required, min_length = 1, max_length = 10)]
    pub mood_emoji: Option<String>,
    /// The tags of the entry, 1 to 50 characters each.
    #[schema(max_items = 20)]
    pub tags: Vec<String>,
    /// The `https://` URLs of the entry's images.
    #[schema(max_items = 10)]
    pub images: Vec<String>,
    /// The result of an analysis, or null if the entry has not been analyzed.
    #[schema(required, value_type = Option<Object>)]
    pub ai_insights: Option<Value>,
    /// When the entry was created.
    pub created_at: Timestamp,
    /// When the entry was last changed.
    pub updated_at: Timestamp,
}

impl HasCursor for Entry {
    fn position(&self) -> Cursor {
        Cursor { created_at: self.created_at, id: self.id }
    }
}

/// The id of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryId(pub Uuid);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Entry {
    /// Reads an entry from a row of an outer join. Returns `None` if the join found no entry.
    pub(crate) fn from_joined(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
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

/// The fields that can be selected, in the order of the response.
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

/// A selection of an entry's fields, with a bit for each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryFields(u16);

impl Field for EntryFields {
    type Value = Self;

    /// Parses names separated by commas.
    fn parse(value: &Value) -> Parsed<Self> {
        let rule = "must be names of entry fields separated by commas, such as id,title,mood";
        value.as_str().ok_or(rule)?.split(',').try_fold(Self(0), |fields, name| {
            let index = NAMES.iter().position(|known| *known == name.trim()).ok_or(rule)?;
            Ok(Self(fields.0 | 1 << index))
        })
    }

    fn schema() -> Schema {
        ArrayBuilder::new().items(schema::string().enum_values(Some(NAMES))).min_items(Some(1)).into()
    }
}

impl DefaultField for EntryFields {
    const DEFAULT: Self = Self((1 << NAMES.len()) - 1);
}

impl EntryFields {
    pub(super) fn is_all(self) -> bool {
        self == Self::DEFAULT
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

/// An entry with a selection of its fields.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) entry: Entry,
    pub(super) fields: EntryFields,
}

impl Serialize for Selected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = &self.entry;
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

impl PartialSchema for Selected {
    fn schema() -> RefOr<Schema> {
        let mut schema = Entry::schema();
        if let RefOr::T(Schema::Object(entry)) = &mut schema {
            entry.description = Some("A journal entry with the fields that `fields` selects.".to_owned());
            entry.required.clear();
        }
        schema
    }
}

impl ToSchema for Selected {
    fn name() -> Cow<'static, str> {
        "SelectedEntry".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Entry::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    fn a_selected_field_has_the_same_value_as_in_the_whole_entry() {
        let entry = entry();
        let whole = serde_json::to_value(&entry).unwrap();
        for name in NAMES {
            let fields = EntryFields::parse(&Value::from(name)).unwrap();
            let part = serde_json::to_value(Selected { entry: entry.clone(), fields }).unwrap();
            assert_eq!(part, json!({name: whole[name]}));
        }
        assert_eq!(whole.as_object().unwrap().len(), NAMES.len());
    }

    #[test]
    fn an_entry_in_the_json_of_postgres_is_parsed_as_the_same_entry() {
        let stored = json!({
            "id": Uuid::nil(), "user_id": Uuid::nil(), "title": null, "content": "text", "mood": 7, "mood_emoji": null,
            "tags": ["sleep"], "images": [], "ai_insights": null, "created_at": "1970-01-01T00:00:00+00:00",
            "updated_at": "1970-01-01T01:00:00+01:00"
        });
        assert_eq!(serde_json::from_value::<Entry>(stored).unwrap(), entry());
    }
}
