//! Structs whose fields are environment variables.

/// An environment variable that a settings struct reads.
#[derive(Debug)]
pub struct Variable {
    /// The name of the variable.
    pub name: &'static str,
    /// The default value: `None` for a required variable, empty for an optional one.
    pub default: Option<&'static str>,
    /// The rule of the value, as a phrase that follows the name: "must be a whole number from 1 to
    /// 100". Empty if every value is valid.
    pub rule: &'static str,
    /// The meaning, as sentences in Markdown.
    pub doc: &'static str,
}

pub(super) const REQUIRED: Option<&str> = None;
pub(super) const OPTIONAL: Option<&str> = Some("");
pub(super) const ANY: &str = "";

/// Declares a struct whose fields are environment variables, such as
/// `field: type = ("NAME", REQUIRED, "must be …", parse)`.
///
/// Instead of `REQUIRED`, a variable may be `OPTIONAL` or have a default, such as `Some("5")`. The
/// doc comments of the struct and the fields are also the text of `docs/configuration.md`. The doc
/// comment of the struct is one line; its first sentence is the heading.
macro_rules! settings {
    (
        #[doc = $concern:literal]
        pub $(($scope:ident))? struct $Struct:ident {
            $(
                $(#[doc = $doc:literal])+
                $visibility:vis $field:ident: $type:ty = ($name:literal, $default:expr, $rule:expr, $parse:expr),
            )+
        }
    ) => {
        #[doc = $concern]
        #[derive(Debug, Clone)]
        pub $(($scope))? struct $Struct {
            $($(#[doc = $doc])+ $visibility $field: $type,)+
        }

        impl $Struct {
            /// The concern and its variables.
            pub(super) const SECTION: (&str, &[Variable]) = ($concern, &[$(Variable {
                name: $name,
                default: $default,
                rule: $rule,
                doc: concat!($($doc),+),
            }),+]);

            /// Reads the variables. Returns `None` if a required one is missing or malformed.
            pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
                $(let $field = reader.read($name, $default, $rule, $parse);)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}

pub(super) use settings;
