//! An account and its credentials: types, and the fields that requests have.

use jiff::Timestamp;
use secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, Schema};

use super::UserId;
use crate::validation::{Field, Parsed, schema};

/// An account, as its owner sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({
    "id": "0192f0c1-7a3b-7c4d-8e5f-102132435465",
    "email": "mara@example.org",
    "is_active": true,
    "created_at": "2026-11-02T08:16:04.512031Z",
    "updated_at": "2026-11-02T08:16:04.512031Z",
})))]
pub struct Account {
    /// The id of the user.
    pub id: UserId,
    /// The e-mail address to sign in with, in lower case.
    #[schema(max_length = 254)]
    pub email: String,
    /// Whether the account may sign in.
    pub is_active: bool,
    /// When the account was registered.
    pub created_at: Timestamp,
    /// When the account was last changed, such as by a new password.
    pub updated_at: Timestamp,
}

/// An e-mail address in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

/// The maximum length of an address, in bytes (RFC 5321).
const MAX_EMAIL: usize = 254;
/// The maximum length of the part before the `@`, in bytes (RFC 5321).
const MAX_EMAIL_LOCAL_PART: usize = 64;

impl Email {
    /// Parses an address, and converts it to lower case.
    ///
    /// Only a message to the address could show that it exists. This rejects what no message could
    /// be sent to: it checks the lengths of RFC 5321, one `@`, a domain with a dot, and no spaces.
    ///
    /// # Errors
    /// The rule that the value breaks.
    pub fn parse(value: &Value) -> Parsed<Self> {
        // The text is converted before it is measured: some letters are longer in lower case.
        let text = value.as_str().unwrap_or_default().trim().to_lowercase();
        let text = Some(text.as_str()).filter(|text| text.len() <= MAX_EMAIL).unwrap_or_default();
        let plausible = text.split_once('@').is_some_and(|(local, domain)| {
            let labels = domain.split('.');
            (1..=MAX_EMAIL_LOCAL_PART).contains(&local.len())
                && domain.contains('.')
                && labels.clone().all(|l| (1..=63).contains(&l.len()) && !l.starts_with('-') && !l.ends_with('-'))
                && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
                && !local.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@')
        });
        if plausible { Ok(Self(text.to_owned())) } else { Err("must be an e-mail address such as name@example.org") }
    }

    /// Wraps an address from the database.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Email {
    type Value = Self;

    fn parse(value: &Value) -> Parsed<Self> {
        Self::parse(value)
    }

    fn schema() -> Schema {
        let pattern = format!(r"^[^@\s]{{1,{MAX_EMAIL_LOCAL_PART}}}@[^@\s.]+(\.[^@\s.]+)+$");
        schema::formatted(KnownFormat::Email).max_length(Some(MAX_EMAIL)).pattern(Some(pattern)).into()
    }
}

/// A password of any characters.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Returns the text, for hashing.
    pub fn into_secret(self) -> Secret<String> {
        self.0
    }
}

/// Declares a kind of password by its length in characters.
macro_rules! password_field {
    ($(#[doc = $doc:literal])+ $name:ident: $least:literal..=$most:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub enum $name {}

        impl Field for $name {
            type Value = Password;

            fn parse(value: &Value) -> Parsed<Password> {
                let text = value.as_str().filter(|text| ($least..=$most).contains(&text.chars().count()));
                let rule = concat!("must be ", $least, " to ", $most, " characters long");
                text.map(|text| Password(Secret::new(text.to_owned()))).ok_or(rule)
            }

            fn schema() -> Schema {
                schema::formatted(KnownFormat::Password).min_length(Some($least)).max_length(Some($most)).into()
            }
        }
    };
}

password_field!(
    /// A new password: 8 to 128 characters of any kind (OWASP ASVS 5.0, 6.2.1 and 6.2.9).
    NewPassword: 8..=128
);

password_field!(
    /// A password to verify. A longer one, which no account has, is rejected before it costs a
    /// hash.
    PresentPassword: 1..=128
);

/// The credentials that a sign-in is verified against.
#[derive(Debug)]
pub struct Credentials {
    /// The id of the account.
    pub user: UserId,
    /// The hash of the password, as a PHC string.
    pub password_hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Parsed<Email> {
        Email::parse(&Value::from(text))
    }

    #[test]
    fn the_case_of_an_address_is_ignored() {
        assert_eq!(email(" Ada@Example.ORG ").unwrap(), email("ada@example.org").unwrap());
        assert!(email("ada+journal@mail.example.org").is_ok());
        assert!(email("ünïcode@exämple.org").is_ok());
    }

    #[test]
    fn an_address_that_no_message_could_be_sent_to_is_rejected() {
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "a da@example.org",
            "a@b@example.org",
            "a@.org",
            "a@-b.org",
            &long,
        ] {
            assert!(email(text).is_err(), "{text}");
        }
        assert!(Email::parse(&Value::Null).is_err());
    }

    #[test]
    fn passwords_are_measured_in_characters_and_not_trimmed() {
        for ok in ["éééééééé", " spaces ", &"x".repeat(128)] {
            assert!(NewPassword::parse(&Value::from(ok)).is_ok(), "{ok}");
        }
        for wrong in ["", "seven77", &"x".repeat(129)] {
            assert!(NewPassword::parse(&Value::from(wrong)).is_err(), "{wrong}");
        }
        assert!(PresentPassword::parse(&Value::from("short")).is_ok());
    }
}
