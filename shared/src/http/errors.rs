//! The table of errors: every fact about an error that clients see is in its row.
//!
//! Responses, `docs/errors.md` and the OpenAPI document are made from the table.

use std::time::Duration;

use domain::error::{Error, FieldError};
use http::StatusCode;

use super::request::BODY_LIMIT;

/// A row of the table of errors.
#[derive(Debug)]
pub struct ErrorKind {
    /// The name for programs, which never changes.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The name for people.
    pub title: &'static str,
    /// The cause, as sentences in Markdown.
    pub when: &'static str,
    /// What the client can do, as sentences in Markdown.
    pub remedy: &'static str,
    /// Returns an example of the error.
    pub example: fn() -> Error,
}

macro_rules! errors {
    ($($error:pat => { detail: $detail:expr, $($row:tt)+ })+) => {
        /// The table of errors, in the order of their statuses.
        pub const ERRORS: &[ErrorKind] = &[$(ErrorKind { $($row)+ }),+];

        /// Returns the row of an error, and what happened, in a sentence without any text that the
        /// client sent. An error without a row does not compile.
        pub(super) fn describe(error: &Error) -> (&'static ErrorKind, String) {
            match error {
                $($error => {
                    const KIND: ErrorKind = ErrorKind { $($row)+ };
                    (&KIND, $detail)
                })+
            }
        }
    };
}

errors! {
    Error::Malformed(what) => {
        detail: (*what).to_owned(),
        code: "malformed",
        status: StatusCode::BAD_REQUEST,
        title: "The request cannot be read",
        when: "The body is not valid JSON, or it is not a JSON object.",
        remedy: "Correct the body.",
        example: || Error::Malformed("The body must be valid JSON."),
    }
    Error::Unauthenticated(what) => {
        detail: (*what).to_owned(),
        code: "unauthenticated",
        status: StatusCode::UNAUTHORIZED,
        title: "Sign in first",
        when: "There is no bearer token, or its session has ended.",
        remedy: "Sign in, and send the new token.",
        example: || Error::Unauthenticated("There is no Authorization header."),
    }
    Error::WrongCredentials => {
        detail: "The e-mail address and the password do not belong together.".to_owned(),
        code: "wrong_credentials",
        status: StatusCode::UNAUTHORIZED,
        title: "Wrong e-mail address or password",
        when: "The password is not the account's, or there is no such account. The response does not \
               distinguish the two.",
        remedy: "Correct the e-mail address or the password.",
        example: || Error::WrongCredentials,
    }
    Error::Forbidden => {
        detail: "The user in the path, the query or the body is not the one who is signed in.".to_owned(),
        code: "forbidden",
        status: StatusCode::FORBIDDEN,
        title: "This belongs to somebody else",
        when: "The path, the query or the body names another user.",
        remedy: "Send the id of the user who is signed in.",
        example: || Error::Forbidden,
    }
    Error::NotFound(what) => {
        detail: format!("There is no such {what}."),
        code: "not_found",
        status: StatusCode::NOT_FOUND,
        title: "There is no such thing",
        when: "The record does not exist, or it belongs to another user. The response does not \
               distinguish the two.",
        remedy: "Check the id.",
        example: || Error::NotFound("entry"),
    }
    Error::EmailTaken => {
        detail: "Sign in, or use another e-mail address.".to_owned(),
        code: "email_taken",
        status: StatusCode::CONFLICT,
        title: "The e-mail address is registered already",
        when: "An account with this e-mail address exists.",
        remedy: "Sign in, or use another e-mail address.",
        example: || Error::EmailTaken,
    }
    Error::PreconditionFailed => {
        detail: "Read it again, and send the change with its new ETag.".to_owned(),
        code: "precondition_failed",
        status: StatusCode::PRECONDITION_FAILED,
        title: "It has been changed in the meantime",
        when: "The entry's version is not the one in `If-Match`.",
        remedy: "Read the entry again, and send the change with its new `ETag`.",
        example: || Error::PreconditionFailed,
    }
    Error::TooLarge { limit } => {
        detail: format!("The body must not exceed {limit} bytes."),
        code: "too_large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        title: "The body is too large",
        when: "The body exceeds 524,288 bytes.",
        remedy: "Send a smaller body.",
        example: || Error::TooLarge { limit: BODY_LIMIT },
    }
    Error::UnsupportedMediaType(what) => {
        detail: (*what).to_owned(),
        code: "unsupported_media_type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        title: "The body's type is not supported",
        when: "The body is not `application/json`, or it is compressed. A body without a `Content-Type` \
               is read as JSON.",
        remedy: "Send uncompressed JSON as `application/json`.",
        example: || Error::UnsupportedMediaType("The body must be application/json."),
    }
    Error::Invalid(fields) => {
        detail: {
            let rules: Vec<_> = fields.iter().map(|FieldError { field, rule }| format!("{field} {rule}")).collect();
            format!("{}.", rules.join("; "))
        },
        code: "invalid_fields",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "Some fields are invalid",
        when: "The request is well-formed, but some fields break their rules. `errors` lists all of \
               them.",
        remedy: "Correct the fields.",
        example: || Error::invalid("mood", "must be a number from 1.0 to 10.0"),
    }
    Error::IdempotencyKeyReused => {
        detail: "Use a new Idempotency-Key for a new request.".to_owned(),
        code: "idempotency_key_reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "The Idempotency-Key belongs to another request",
        when: "The `Idempotency-Key` was used with another request in the last 24 hours.",
        remedy: "Use a new key.",
        example: || Error::IdempotencyKeyReused,
    }
    Error::RateLimited { retry_after } => {
        detail: try_again(*retry_after),
        code: "rate_limited",
        status: StatusCode::TOO_MANY_REQUESTS,
        title: "Too many attempts",
        when: "There were too many wrong passwords for the account or from the address, in sign-ins or \
               in changes of the password. Or there were more than 30 messages in a minute.",
        remedy: "Wait for `Retry-After` seconds.",
        example: || Error::RateLimited { retry_after: Duration::from_secs(840) },
    }
    Error::Internal(_) => {
        detail: "The error has been logged under the request id.".to_owned(),
        code: "internal",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "Something went wrong on our side",
        when: "The service has a defect. The log has the error under the request id.",
        remedy: "Report the `request_id`.",
        example: || Error::internal("a defect"),
    }
    Error::Unavailable { retry_after, .. } => {
        detail: try_again(*retry_after),
        code: "unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Please try again in a moment",
        when: "Something that the response needs is unavailable, such as the database. Or sessions \
               were ended, but the cache has not confirmed it yet.",
        remedy: "Try again after `Retry-After` seconds.",
        example: || Error::unavailable("the database is unavailable"),
    }
}

fn try_again(after: Duration) -> String {
    format!("Try again in {} s.", after.as_secs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_each_row_is_described_by_that_row() {
        for kind in ERRORS {
            assert_eq!(describe(&(kind.example)()).0.code, kind.code);
        }
        assert!(ERRORS.is_sorted_by_key(|kind| kind.status.as_u16()));
    }

    #[test]
    fn the_limit_of_a_body_is_documented() {
        let (kind, _) = describe(&Error::TooLarge { limit: BODY_LIMIT });
        assert!(kind.when.replace(',', "").contains(&BODY_LIMIT.to_string()), "{}", kind.when);
    }
}
