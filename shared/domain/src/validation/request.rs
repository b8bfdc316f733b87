//! Requests: one struct declares the parser and the schemas.

use super::FieldReader;

/// A request that is parsed from named fields.
pub trait FromFields: Sized {
    /// Parses the request; the reader records the errors. Returns `None` if there is no value to
    /// continue with. All fields are parsed first, so that a client learns of every error at once.
    fn from_fields(fields: &mut FieldReader) -> Option<Self>;
}

/// Declares a request. The type of each field is a [`Member`](crate::validation::Member).
///
/// The struct implements [`FromFields`], which parses it, `utoipa::ToSchema`, which describes it as
/// a JSON body, and `utoipa::IntoParams`, which describes it as parameters of a query. The doc
/// comments are the descriptions. The struct's own field has the type that the member is parsed
/// into: `title: Option<Title>` below is an `Option<String>`.
///
/// ```
/// use domain::request;
/// use domain::validation::{Field, FieldReader, Parsed, rules, schema};
/// use serde_json::Value;
/// use utoipa::openapi::schema::Schema;
///
/// /// A title.
/// enum Title {}
///
/// impl Field for Title {
///     type Value = String;
///
///     fn parse(value: &Value) -> Parsed<String> {
///         rules::text(500, "must be text of 1 to 500 characters, and not blank")(value)
///     }
///
///     fn schema() -> Schema {
///         schema::text(500).into()
///     }
/// }
///
/// request! {
///     /// A page of a book.
///     #[derive(Debug)]
///     struct Page {
///         /// The title.
///         title: Option<Title>,
///     }
/// }
///
/// let page: Page = FieldReader::from_json(br#"{"title": "One"}"#)?.parse()?;
/// assert_eq!(page.title.as_deref(), Some("One"));
/// # Ok::<(), domain::Error>(())
/// ```
///
/// `#[schema(as = Name)]` after the derives sets the name of the schema. `#[rename = "name"]`
/// before a field sets the name that clients use.
#[macro_export]
macro_rules! request {
    (
        $(#[doc = $about:literal])+
        #[derive($($derive:ident),+)]
        $(#[schema(as = $component:ident)])?
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $description:literal])+
                $(#[rename = $renamed:literal])?
                $field_visibility:vis $field:ident: $member:ty
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive($($derive),+)]
        $visibility struct $name {
            $(
                $(#[doc = $description])+
                $field_visibility $field: <$member as $crate::validation::Member>::Value,
            )+
        }

        impl $crate::validation::FromFields for $name {
            fn from_fields(fields: &mut $crate::validation::FieldReader) -> Option<Self> {
                $(let $field = <$member as $crate::validation::Member>::from_fields(
                    fields,
                    $crate::request!(@name $field $($renamed)?),
                );)+
                Some(Self { $($field: $field?),+ })
            }
        }

        impl $crate::validation::utoipa::PartialSchema for $name {
            fn schema() -> $crate::validation::utoipa::openapi::RefOr<
                $crate::validation::utoipa::openapi::schema::Schema,
            > {
                let object = $crate::validation::schema::object(concat!($($about),+));
                $(let object = $crate::validation::schema::property::<$member>(
                    object,
                    $crate::request!(@name $field $($renamed)?),
                    concat!($($description),+),
                );)+
                object.into()
            }
        }

        impl $crate::validation::utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $crate::request!(@name $name $($component)?).into()
            }
        }

        impl $crate::validation::utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<$crate::validation::utoipa::openapi::path::ParameterIn>,
            ) -> Vec<$crate::validation::utoipa::openapi::path::Parameter> {
                vec![$($crate::validation::schema::parameter::<$member>(
                    $crate::request!(@name $field $($renamed)?),
                    concat!($($description),+),
                )),+]
            }
        }
    };
    (@name $name:ident) => {
        stringify!($name)
    };
    (@name $name:ident $renamed:literal) => {
        $renamed
    };
    (@name $name:ident $renamed:ident) => {
        stringify!($renamed)
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::{IntoParams as _, PartialSchema as _, ToSchema as _};

    use super::*;
    use crate::error::Error;
    use crate::validation::{CallerId, OrDefault, integer_field, text_field};

    text_field!(
        /// A word of up to five characters.
        Word: 1..=5
    );

    integer_field!(
        /// A number with a default.
        Number: i64, 1..=9, default 3
    );

    request! {
        /// A request of this test,
        /// described on two lines.
        #[derive(Debug)]
        #[schema(as = Sample)]
        struct SampleRequest {
            /// A field that is required.
            word: Word,
            /// A field that may be absent or null.
            #[rename = "user_id"]
            caller: Option<CallerId>,
            /// A field that is three by default.
            number: OrDefault<Number>,
        }
    }

    #[test]
    fn every_error_is_reported_at_once() {
        let fields = FieldReader::from_json(br#"{"user_id": 7, "number": 0}"#).unwrap();
        let Err(Error::Invalid(errors)) = fields.parse::<SampleRequest>() else { panic!("expected errors") };
        assert_eq!(errors.iter().map(|error| error.field).collect::<Vec<_>>(), ["word", "user_id", "number"]);
        let fields = FieldReader::from_json(br#"{"word": "x", "unknown": 7}"#).unwrap();
        let request: SampleRequest = fields.parse().unwrap();
        assert_eq!((request.word.as_str(), request.caller, request.number), ("x", None, 3));
    }

    #[test]
    fn the_schema_of_a_body_has_the_limits_and_allows_null_where_the_parser_does() {
        assert_eq!(SampleRequest::name(), "Sample");
        let schema = serde_json::to_value(SampleRequest::schema()).unwrap();
        assert_eq!(schema["description"], "A request of this test, described on two lines.");
        assert_eq!(schema["required"], json!(["word"]));
        let word = &schema["properties"]["word"];
        assert_eq!((&word["type"], &word["maxLength"]), (&json!("string"), &json!(5)));
        assert_eq!(word["description"], "A field that is required.");
        assert_eq!(schema["properties"]["user_id"]["type"], json!(["string", "null"]));
    }

    #[test]
    fn a_parameter_of_a_query_is_described_with_its_limits_and_its_default() {
        let parameters = serde_json::to_value(SampleRequest::into_params(|| None)).unwrap();
        assert_eq!(
            parameters[2],
            json!({
                "name": "number", "in": "query", "required": false, "description": "A field that is three by default.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}
            })
        );
        assert_eq!(parameters[1]["name"], "user_id");
        assert_eq!(parameters[0]["required"], true);
    }
}
