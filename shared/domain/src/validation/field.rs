//! Fields: a limit is written once, for the text of its rule, its check and its schema.

use std::marker::PhantomData;

use serde_json::Value;
use utoipa::openapi::schema::Schema;

use super::{FieldReader, Parsed, rules, schema};
use crate::UserId;

/// A kind of value that a request may contain.
pub trait Field {
    /// The type that a value is parsed into.
    type Value;

    /// Parses a value of the field.
    ///
    /// # Errors
    /// The rule that the value breaks.
    fn parse(value: &Value) -> Parsed<Self::Value>;

    /// Returns the schema of the values that [`parse`](Self::parse) accepts.
    fn schema() -> Schema;
}

/// A field with a default for requests that leave it out.
pub trait DefaultField: Field {
    /// The value of a field that is absent or null.
    const DEFAULT: Self::Value;
}

/// A named field of a request, which may be optional.
///
/// | type | if the field is absent | if the field is null |
/// |---|---|---|
/// | `F` | an error | an error |
/// | `Option<F>` | `None` | `None` |
/// | `Option<Option<F>>` | `None` | `Some(None)` |
/// | [`OrDefault<F>`] | the default | the default |
pub trait Member {
    /// The type of the struct's field.
    type Value;

    /// Whether the field must be present.
    const IS_REQUIRED: bool;

    /// Parses the field; the reader records an error. Returns `None` only if there is no value to
    /// continue with.
    fn from_fields(fields: &mut FieldReader, name: &'static str) -> Option<Self::Value>;

    /// Returns the schema of a value that is present and not null.
    fn schema() -> Schema;
}

impl<F: Field> Member for F {
    type Value = F::Value;
    const IS_REQUIRED: bool = true;

    fn from_fields(fields: &mut FieldReader, name: &'static str) -> Option<Self::Value> {
        fields.required(name, F::parse)
    }

    fn schema() -> Schema {
        <F as Field>::schema()
    }
}

impl<F: Field> Member for Option<F> {
    type Value = Option<F::Value>;
    const IS_REQUIRED: bool = false;

    fn from_fields(fields: &mut FieldReader, name: &'static str) -> Option<Self::Value> {
        Some(fields.optional(name, F::parse))
    }

    fn schema() -> Schema {
        <F as Field>::schema()
    }
}

impl<F: Field> Member for Option<Option<F>> {
    type Value = Option<Option<F::Value>>;
    const IS_REQUIRED: bool = false;

    fn from_fields(fields: &mut FieldReader, name: &'static str) -> Option<Self::Value> {
        Some(fields.nullable(name, F::parse))
    }

    fn schema() -> Schema {
        <F as Field>::schema()
    }
}

/// A field that has its default if it is absent or null.
#[derive(Debug)]
pub struct OrDefault<F>(PhantomData<F>);

impl<F: DefaultField> Member for OrDefault<F> {
    type Value = F::Value;
    const IS_REQUIRED: bool = false;

    fn from_fields(fields: &mut FieldReader, name: &'static str) -> Option<Self::Value> {
        Some(fields.optional(name, F::parse).unwrap_or(F::DEFAULT))
    }

    fn schema() -> Schema {
        <F as Field>::schema()
    }
}

/// The id of the caller, which clients of the original service send in the query or in the body.
#[derive(Debug)]
pub enum CallerId {}

impl Field for CallerId {
    type Value = UserId;

    fn parse(value: &Value) -> Parsed<UserId> {
        rules::uuid(value).map(UserId)
    }

    fn schema() -> Schema {
        schema::uuid().into()
    }
}

/// Declares a field of text: `text_field!(pub Title: 1..=500)` is at most 500 characters long.
///
/// The text must not be blank. It must not contain control characters, except line breaks and tabs.
macro_rules! text_field {
    ($(#[doc = $doc:literal])+ $visibility:vis $name:ident: 1..=$most:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        $visibility enum $name {}

        impl $crate::validation::Field for $name {
            type Value = String;

            fn parse(value: &serde_json::Value) -> $crate::validation::Parsed<String> {
                let rule = concat!("must be text of 1 to ", $most, " characters, and not blank");
                $crate::validation::rules::text($most, rule)(value)
            }

            fn schema() -> utoipa::openapi::schema::Schema {
                $crate::validation::schema::text($most).into()
            }
        }
    };
}
pub(crate) use text_field;

/// Declares a field that is a whole number: `integer_field!(pub Page: i64, 1..=10_000, default 1)`.
macro_rules! integer_field {
    (
        $(#[doc = $doc:literal])+
        $visibility:vis $name:ident: $integer:ty, $least:literal..=$most:literal, default $default:literal
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        $visibility enum $name {}

        impl $crate::validation::Field for $name {
            type Value = $integer;

            fn parse(value: &serde_json::Value) -> $crate::validation::Parsed<$integer> {
                let rule = concat!("must be a whole number from ", $least, " to ", $most);
                $crate::validation::rules::integer($least..=$most, rule)(value)
                    .and_then(|number| number.try_into().map_err(|_| rule))
            }

            fn schema() -> utoipa::openapi::schema::Schema {
                $crate::validation::schema::integer($least..=$most).default(Some($default.into())).into()
            }
        }

        impl $crate::validation::DefaultField for $name {
            const DEFAULT: $integer = $default;
        }
    };
}
pub(crate) use integer_field;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Result};

    text_field!(
        /// A name of up to three characters.
        Name: 1..=3
    );

    integer_field!(
        /// A number with a default.
        Number: i32, 1..=2_000, default 7
    );

    /// Parses a body that may have the field `x`.
    fn parse<M: Member>(body: &str) -> Result<M::Value> {
        struct Body<M: Member>(M::Value);
        impl<M: Member> crate::validation::FromFields for Body<M> {
            fn from_fields(fields: &mut FieldReader) -> Option<Self> {
                M::from_fields(fields, "x").map(Self)
            }
        }
        FieldReader::from_json(body.as_bytes())?.parse::<Body<M>>().map(|body| body.0)
    }

    #[test]
    fn the_type_of_a_member_decides_what_absent_and_null_mean() {
        assert!(parse::<Name>("{}").is_err() && parse::<Name>(r#"{"x": null}"#).is_err());
        assert_eq!(parse::<Option<Name>>("{}").unwrap(), None);
        assert_eq!(parse::<Option<Name>>(r#"{"x": null}"#).unwrap(), None);
        assert_eq!(parse::<Option<Option<Name>>>("{}").unwrap(), None);
        assert_eq!(parse::<Option<Option<Name>>>(r#"{"x": null}"#).unwrap(), Some(None));
        assert_eq!(parse::<OrDefault<Number>>("{}").unwrap(), 7);
        assert_eq!(parse::<OrDefault<Number>>(r#"{"x": null}"#).unwrap(), 7);
    }

    #[test]
    fn a_value_that_breaks_its_rule_is_an_error_even_if_the_field_is_optional() {
        let rule = |error: Error| match error {
            Error::Invalid(errors) => errors.first().map(|error| error.rule),
            _ => None,
        };
        let long = r#"{"x": "long"}"#;
        for error in [parse::<Name>(long).unwrap_err(), parse::<Option<Name>>(long).unwrap_err()] {
            assert_eq!(rule(error), Some("must be text of 1 to 3 characters, and not blank"));
        }
        assert!(parse::<Option<Option<Name>>>(long).is_err());
        let error = parse::<OrDefault<Number>>(r#"{"x": 2001}"#).unwrap_err();
        assert_eq!(rule(error), Some("must be a whole number from 1 to 2000"));
    }
}
