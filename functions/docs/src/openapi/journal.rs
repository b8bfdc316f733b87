//! The journal.

#![expect(dead_code, reason = "only the schemas of the requests are used")]

use serde_json::{Value, json};
use shared::domain::{CursorPage, Entry, Insights, OffsetPage};
use utoipa::openapi::path::HttpMethod::{self, Delete, Get, Patch, Post, Put};
use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema as _, ToSchema};
use uuid::Uuid;

use super::operation::Operation;
use super::parameter::{cursor, integer, list, moment, nullable, query, text, writing};
use super::{ENTRY_ID, NEXT_CURSOR, USER_ID, referred};

const ENTRIES: &str = "/api/journal/entries";
const ENTRY: &str = "/api/journal/entries/{entry_id}";
const TAG: &str = "journal";

/// An entry that is to be written.
#[derive(ToSchema)]
pub(super) struct NewEntry {
    #[schema(schema_with = content)]
    content: String,
    #[schema(schema_with = title)]
    title: Option<String>,
    #[schema(schema_with = mood)]
    mood: Option<f64>,
    #[schema(schema_with = mood_emoji)]
    mood_emoji: Option<String>,
    #[schema(schema_with = tags)]
    tags: Option<Vec<String>>,
    #[schema(schema_with = images)]
    images: Option<Vec<String>>,
    /// The caller's own id; older clients send it along.
    user_id: Option<Uuid>,
}

/// What is to be different about an entry; what is absent stays. Null clears `title`, `mood` and `mood_emoji`, and leaves the others alone.
#[derive(ToSchema)]
#[schema(as = EntryChange)]
pub(super) struct EntryPatch {
    #[schema(schema_with = changed_content)]
    content: Option<String>,
    #[schema(schema_with = title)]
    title: Option<String>,
    #[schema(schema_with = mood)]
    mood: Option<f64>,
    #[schema(schema_with = mood_emoji)]
    mood_emoji: Option<String>,
    #[schema(schema_with = tags)]
    tags: Option<Vec<String>>,
    #[schema(schema_with = images)]
    images: Option<Vec<String>>,
    /// The caller's own id; older clients send it along.
    user_id: Option<Uuid>,
}

fn content() -> ObjectBuilder {
    writing(40_000).description(Some("The text, at most 40,000 bytes in UTF-8."))
}

fn changed_content() -> ObjectBuilder {
    nullable(content())
}

fn title() -> ObjectBuilder {
    nullable(writing(500)).description(Some("A title."))
}

fn mood() -> ObjectBuilder {
    nullable(number()).description(Some("How the person felt: from 1, bad, to 10, good."))
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(1.0)).maximum(Some(10.0))
}

fn mood_emoji() -> ObjectBuilder {
    nullable(writing(10)).description(Some("A symbol for the mood."))
}

fn tag() -> ObjectBuilder {
    let pattern =
        r"^[^,\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^,\s\x00-\x1f\x7f-\x9f][^,\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
    text().min_length(Some(1)).max_length(Some(50)).pattern(Some(pattern))
}

fn tags() -> ArrayBuilder {
    some_or_null(tag(), 20).description(Some("Words to find it by, without commas."))
}

fn images() -> ArrayBuilder {
    let pattern =
        r"^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?([/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$";
    let url = text().min_length(Some(1)).max_length(Some(500)).pattern(Some(pattern));
    some_or_null(url, 10).description(Some("Addresses of images, without a user's name in them."))
}

fn some_or_null(item: ObjectBuilder, most: usize) -> ArrayBuilder {
    let types = SchemaType::Array(vec![Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(item).max_items(Some(most))
}

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let schemas = [
        referred::<NewEntry>,
        referred::<EntryPatch>,
        referred::<Entry>,
        referred::<OffsetPage>,
        referred::<CursorPage>,
        referred::<Insights>,
    ];
    schemas.into_iter().fold(components, |components, add| add(components))
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        with_filters(listing()),
        about_the_new(
            Operation::new(Post, ENTRIES, "journal-create", TAG)
                .about("Write an entry", "Writes an entry. The next list shows it.")
                .signed_in()
                .writes()
                .fails_with(&["forbidden"])
                .body::<NewEntry>("The entry; only `content` is needed.", [
                    ("least", "Text alone", json!({"content": "Walked home along the canal."})),
                    ("most", "With everything", json!({
                        "title": "After the rain", "content": "Walked home along the canal.", "mood": 7.5, "mood_emoji": "🙂",
                        "tags": ["walk", "canal"], "images": ["https://images.example.org/canal.jpg"]
                    })),
                ])
                .answers(201, "The entry.", "Entry", [("entry", "The entry", example(ENTRY_ID))]),
        ),
        Operation::new(Get, ENTRY, "journal-get", TAG)
            .about("Read an entry", "One entry of the caller's. Its `ETag` is what `If-Match` of a change asks for.")
            .signed_in()
            .path_entry_id()
            .cacheable()
            .answers(200, "The entry.", "Entry", [("entry", "An entry", example(ENTRY_ID))]),
        update(Put, "journal-update-put", "Change an entry (PUT)"),
        update(Patch, "journal-update", "Change an entry"),
        Operation::new(Delete, ENTRY, "journal-delete", TAG)
            .about("Delete an entry", "Deletes an entry of the caller's, for good. With `If-Match`, only the version of that `ETag`.")
            .signed_in()
            .path_entry_id()
            .conditional()
            .writes()
            .answers_nothing("It is gone."),
        Operation::new(Get, "/api/journal/insights", "journal-insights", TAG)
            .about(
                "Read the insights",
                "What the journal tells about the last days, in UTC. `mood_trend` is `improving` or `declining` when the straight line \
                through the days' averages rises or falls by half a point or more.",
            )
            .signed_in()
            .parameter(query("days", "How many days, today included.", integer(1, Some(365)).default(Some(json!(30))), 90))
            .own_user_id()
            .cacheable()
            .answers(200, "The insights.", "Insights", [("insights", "Three days", insights())]),
    ]
}

/// From an entry to what can be done with it.
fn about_the_new(create: Operation) -> Operation {
    let links = [("read", "journal-get"), ("change", "journal-update"), ("delete", "journal-delete")];
    links.into_iter().fold(create, |create, (name, operation)| {
        create.leads_to(name, operation, "entry_id", "$response.body#/id", "The entry that was written.")
    })
}

fn update(method: HttpMethod, id: &str, summary: &str) -> Operation {
    Operation::new(method, ENTRY, id, TAG)
        .about(
            summary,
            "Fields that are absent stay as they are, with `PUT` as with `PATCH`. With `If-Match`, only the version of that `ETag` is changed.",
        )
        .signed_in()
        .path_entry_id()
        .conditional()
        .writes()
        .fails_with(&["forbidden"])
        .body::<EntryPatch>("The change.", [
            ("mood", "Another mood", json!({"mood": 8})),
            ("clear", "No title and no mood", json!({"title": null, "mood": null, "mood_emoji": null})),
        ])
        .answers(200, "The entry as it is now.", "Entry", [("entry", "The entry", example(ENTRY_ID))])
}

fn listing() -> Operation {
    let lists =
        OneOfBuilder::new().item(Ref::from_schema_name("EntryPage")).item(Ref::from_schema_name("EntryStretch"));
    let size = || integer(1, Some(100)).default(Some(json!(20)));
    Operation::new(Get, ENTRIES, "journal-list", TAG)
        .about(
            "List entries",
            "A part of the caller's journal: by number (`page`, `page_size`), or from a cursor on (`limit`, and from the second call on \
            `cursor`). The two do not go together. With a cursor nothing is lost or repeated while entries come and go. A parameter that \
            is repeated is refused, except for `tags`. An entry must meet all filters.",
        )
        .signed_in()
        .cacheable()
        .parameter(query("page", "Which page; not beside `cursor` or `limit`.", integer(1, Some(10_000)).default(Some(json!(1))), 1))
        .parameter(query("page_size", "Entries of a page; not beside `cursor` or `limit`.", size(), 20))
        .parameter(query("cursor", "The `next_cursor` of the answer before, or a time: what was written before it.", cursor(), NEXT_CURSOR))
        .parameter(query("limit", "Entries of an answer.", size(), 20))
        .answers_with(200, "A page, or what comes after the cursor.", "application/json", lists, [
            ("page", "By number", json!({
                "entries": [example(ENTRY_ID)], "total": 1, "page": 1, "page_size": 20, "has_more": false
            })),
            ("cursor", "From a cursor on, of each entry two fields", json!({
                "entries": [{"id": ENTRY_ID, "title": "After the rain"}], "next_cursor": NEXT_CURSOR, "has_more": true
            })),
        ])
}

fn with_filters(listing: Operation) -> Operation {
    let names = ArrayBuilder::new().items(text().enum_values(Some(field_names()))).min_items(Some(1));
    let tags = ArrayBuilder::new().items(tag()).min_items(Some(1)).max_items(Some(20));
    listing
        .parameter(list("tags", "Tags, all of which an entry must have.", tags, json!(["walk", "canal"])))
        .parameter(query("mood_min", "The least mood.", number(), 3))
        .parameter(query("mood_max", "The greatest mood; not below `mood_min`.", number(), 8.5))
        .parameter(query("start_date", "A day in UTC or a time, included.", moment(), "2026-10-01"))
        .parameter(query("end_date", "A day in UTC or a time, included; not before `start_date`.", moment(), "2026-12-31"))
        .parameter(query(
            "search",
            "Words of title, text or tags, with English stemming; `\"a phrase\"`, `or`, `-without`. On numbered pages the best match first.",
            writing(200),
            "canal -winter",
        ))
        .parameter(list("fields", "Which fields of an entry to show; all by default.", names, json!(["id", "title", "created_at"])))
        .own_user_id()
}

/// The names of an entry's fields.
fn field_names() -> Vec<String> {
    match Entry::schema() {
        RefOr::T(Schema::Object(entry)) => entry.properties.into_keys().collect(),
        _ => Vec::new(),
    }
}

pub(super) fn example(id: &str) -> Value {
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
