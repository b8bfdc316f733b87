//! Fields of an entry with parsers of their own, in a body and in a query.

use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Schema};

use crate::validation::{DefaultField, Field, Parsed, rules, schema};

/// Defines limits as macros that expand to literals, so that `concat!` can put them into rules.
macro_rules! limits {
    ($($name:ident = $limit:literal;)+) => {
        $(
            macro_rules! $name {
                () => {
                    $limit
                };
            }
        )+
    };
}

limits! {
    min_mood = 1.0;
    max_mood = 10.0;
    max_content_bytes = 40000;
    max_tags = 20;
    max_tag_length = 50;
    max_images = 10;
    max_image_length = 500;
}

/// The text of an entry.
#[derive(Debug)]
pub(super) enum Content {}

impl Field for Content {
    type Value = String;

    fn parse(value: &Value) -> Parsed<String> {
        let rule = concat!("must be text of 1 to ", max_content_bytes!(), " bytes in UTF-8, and not blank");
        let text = rules::text(max_content_bytes!(), rule)(value)?;
        if text.len() > max_content_bytes!() { Err(rule) } else { Ok(text) }
    }

    fn schema() -> Schema {
        schema::text(max_content_bytes!()).into()
    }
}

/// The rule for moods, in a body as in a query.
const MOOD: &str = concat!("must be a number from ", min_mood!(), " to ", max_mood!());

/// A mood from 1 (bad) to 10 (good).
#[derive(Debug)]
pub(super) enum Mood {}

impl Field for Mood {
    type Value = f64;

    fn parse(value: &Value) -> Parsed<f64> {
        rules::number(min_mood!()..=max_mood!(), MOOD)(value)
    }

    fn schema() -> Schema {
        schema::number(min_mood!()..=max_mood!()).into()
    }
}

/// A mood as the text of a query.
#[derive(Debug)]
pub(super) enum MoodLimit {}

impl Field for MoodLimit {
    type Value = f64;

    fn parse(value: &Value) -> Parsed<f64> {
        rules::decimal(min_mood!()..=max_mood!(), MOOD)(value)
    }

    fn schema() -> Schema {
        schema::number(min_mood!()..=max_mood!()).into()
    }
}

/// The tags of an entry. A filter separates tags by commas, so a tag must not contain one.
#[derive(Debug)]
pub(super) enum Tags {}

impl Field for Tags {
    type Value = Vec<String>;

    fn parse(value: &Value) -> Parsed<Vec<String>> {
        let rule = concat!(
            "must be an array of at most ",
            max_tags!(),
            " tags of 1 to ",
            max_tag_length!(),
            " characters each, not blank and without commas"
        );
        let tag = |value: &Value| {
            let text = rules::text(max_tag_length!(), rule)(value)?;
            if text.contains(',') { Err(rule) } else { Ok(text.trim().to_owned()) }
        };
        rules::list(max_tags!(), rule, tag)(value)
    }

    fn schema() -> Schema {
        schema::list(max_tags!(), tag_schema()).into()
    }
}

impl DefaultField for Tags {
    const DEFAULT: Vec<String> = Vec::new();
}

/// The tags of a filter, separated by commas or in a repeated parameter.
#[derive(Debug)]
pub(super) enum TagFilter {}

impl Field for TagFilter {
    type Value = Vec<String>;

    fn parse(value: &Value) -> Parsed<Vec<String>> {
        let rule = concat!(
            "must be at most ",
            max_tags!(),
            " tags of 1 to ",
            max_tag_length!(),
            " characters, separated by commas"
        );
        // A repeated parameter is a list.
        let parts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts = parts.iter().map(|part| part.as_str().ok_or(rule)).collect::<Parsed<Vec<_>>>()?;
        let names = texts.iter().flat_map(|text| text.split(',')).map(|name| Value::from(name.trim()));
        rules::list(max_tags!(), rule, rules::text(max_tag_length!(), rule))(&names.collect())
    }

    fn schema() -> Schema {
        schema::list(max_tags!(), tag_schema()).min_items(Some(1)).into()
    }
}

/// Returns the schema of a tag.
fn tag_schema() -> ObjectBuilder {
    let control = schema::CONTROL;
    let pattern = format!(r"^[^,{control}]*[^,\s\x00-\x1f\x7f-\x9f][^,{control}]*$");
    schema::text(max_tag_length!()).pattern(Some(pattern))
}

/// The URLs of an entry's images. They must be public: `https://`, and without credentials.
#[derive(Debug)]
pub(super) enum Images {}

impl Images {
    const RULE: &str = concat!(
        "must be an array of at most ",
        max_images!(),
        " https:// URLs of at most ",
        max_image_length!(),
        " characters without credentials"
    );

    fn parse_url(value: &Value) -> Parsed<String> {
        let text = rules::text(max_image_length!(), Self::RULE)(value)?;
        let uri: http::Uri = text.parse().map_err(|_| Self::RULE)?;
        let public = uri.scheme_str() == Some("https") && uri.authority().is_some_and(|a| !a.as_str().contains('@'));
        if public { Ok(text) } else { Err(Self::RULE) }
    }
}

impl Field for Images {
    type Value = Vec<String>;

    fn parse(value: &Value) -> Parsed<Vec<String>> {
        rules::list(max_images!(), Self::RULE, Self::parse_url)(value)
    }

    fn schema() -> Schema {
        let pattern =
            r"^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?([/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$";
        let url = schema::text(max_image_length!()).pattern(Some(pattern));
        schema::list(max_images!(), url).into()
    }
}

impl DefaultField for Images {
    const DEFAULT: Vec<String> = Vec::new();
}
