//! The table of errors. The row of an error contains everything that clients see of it.
//!
//! Responses, `docs/errors.md` and the OpenAPI document are generated from the table.

use std::time::Duration;

use domain::error::{Error, FieldError};
use http::StatusCode;

use super::request::BODY_LIMIT;

/// A row of the table of errors.
#[derive(Debug)]
pub struct ErrorKind {
    /// The machine-readable name, which never changes.
    pub code: &'static str,
    /// The HTTP status of the response.
    pub status: StatusCode,
    /// The human-readable name of the error.
    pub title: &'static str,
    /// The cause, as sentences in Markdown.
    pub when: &'static str,
    /// The remedy for the client, as sentences in Markdown.
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
        title: "Malformed request body",
        when: "The body is not valid JSON, or it is not a JSON object.",
        remedy: "Send a JSON object.",
        example: || Error::Malformed("The body must be valid JSON."),
    }
    Error::Unauthenticated(what) => {
        detail: (*what).to_owned(),
        code: "unauthenticated",
        status: StatusCode::UNAUTHORIZED,
        title: "Authentication required",
        when: "There is no bearer token, or its session has ended.",
        remedy: "Sign in, and send the new token.",
        example: || {
            Error::Unauthenticated(
                "The Authorization header is missing. Sign in and send Authorization: Bearer <token>.",
            )
        },
    }
    Error::WrongCredentials => {
        detail: "The e-mail address or the password is wrong. Correct them and try again.".to_owned(),
        code: "wrong_credentials",
        status: StatusCode::UNAUTHORIZED,
        title: "Wrong e-mail address or password",
        when: "The password is wrong, or there is no account with this e-mail address. The response \
               does not distinguish the two.",
        remedy: "Correct the e-mail address or the password.",
        example: || Error::WrongCredentials,
    }
    Error::Forbidden => {
        detail: "The user id in the path, the query or the body is not that of the signed-in user. Send the id of \
                 the signed-in user."
            .to_owned(),
        code: "forbidden",
        status: StatusCode::FORBIDDEN,
        title: "Access denied",
        when: "The path, the query or the body names a user other than the signed-in one.",
        remedy: "Send the id of the signed-in user.",
        example: || Error::Forbidden,
    }
    Error::NotFound(what) => {
        detail: format!("There is no {what} with this id. Check the id."),
        code: "not_found",
        status: StatusCode::NOT_FOUND,
        title: "Not found",
        when: "There is no record with this id, or it belongs to another user. The response does not \
               distinguish the two.",
        remedy: "Check the id.",
        example: || Error::NotFound("entry"),
    }
    Error::EmailTaken => {
        detail: "An account with this e-mail address exists. Sign in, or use another e-mail address.".to_owned(),
        code: "email_taken",
        status: StatusCode::CONFLICT,
        title: "E-mail address already registered",
        when: "An account with this e-mail address exists.",
        remedy: "Sign in, or use another e-mail address.",
        example: || Error::EmailTaken,
    }
    Error::PreconditionFailed => {
        detail: "The current version of the entry does not match If-Match. Read the entry again, and send the change \
                 with its new ETag."
            .to_owned(),
        code: "precondition_failed",
        status: StatusCode::PRECONDITION_FAILED,
        title: "The entry has changed",
        when: "The current version of the entry is not the one in `If-Match`.",
        remedy: "Read the entry again, and send the change with its new `ETag`.",
        example: || Error::PreconditionFailed,
    }
    Error::TooLarge { limit } => {
        detail: format!("The body must not exceed {limit} bytes. Send a smaller body."),
        code: "too_large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        title: "Request body too large",
        when: "The body exceeds 524,288 bytes.",
        remedy: "Send a smaller body.",
        example: || Error::TooLarge { limit: BODY_LIMIT },
    }
    Error::UnsupportedMediaType(what) => {
        detail: (*what).to_owned(),
        code: "unsupported_media_type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        title: "Unsupported media type",
        when: "The `Content-Type` is not `application/json`, or the body is compressed. A body without a \
               `Content-Type` is parsed as JSON.",
        remedy: "Send uncompressed JSON as `application/json`.",
        example: || Error::UnsupportedMediaType("The Content-Type must be application/json."),
    }
    Error::Invalid(fields) => {
        detail: {
            let rules: Vec<_> = fields.iter().map(|FieldError { field, rule }| format!("{field} {rule}")).collect();
            format!("{}.", rules.join("; "))
        },
        code: "invalid_fields",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "Some fields are invalid",
        when: "The request is well-formed, but some fields break their rules. `errors` lists every \
               such field with its rule.",
        remedy: "Correct the listed fields.",
        example: || Error::invalid("mood", "must be a number from 1.0 to 10.0"),
    }
    Error::IdempotencyKeyReused => {
        detail: "The Idempotency-Key was used with another request in the last 24 hours. Use a new key for a new \
                 request."
            .to_owned(),
        code: "idempotency_key_reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "Idempotency-Key used with another request",
        when: "The `Idempotency-Key` was used with another request in the last 24 hours.",
        remedy: "Use a new key for a new request.",
        example: || Error::IdempotencyKeyReused,
    }
    Error::RateLimited { retry_after } => {
        detail: format!("Too many attempts or messages. {}", try_again(*retry_after)),
        code: "rate_limited",
        status: StatusCode::TOO_MANY_REQUESTS,
        title: "Too many requests",
        when: "There were too many failed sign-ins for the account or from the IP address, or the user sent more \
               than 30 messages in a minute. A wrong `old_password` counts as a failed sign-in.",
        remedy: "Try again after `Retry-After` seconds.",
        example: || Error::RateLimited { retry_after: Duration::from_secs(840) },
    }
    Error::Internal(_) => {
        detail: "The service has a defect. The error is logged under the request_id. Report that id to the operator."
            .to_owned(),
        code: "internal",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "Internal error",
        when: "The service has a defect. The error is logged under the `request_id`.",
        remedy: "Report the `request_id` to the operator.",
        example: || Error::internal("a defect"),
    }
    Error::Unavailable { retry_after, .. } => {
        detail: format!("The service is temporarily unavailable. {}", try_again(*retry_after)),
        code: "unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Temporarily unavailable",
        when: "A dependency that the request needs, such as the database, is unavailable. A sign-out, a \
               password change or an account deletion also gets this error until the cache confirms that the \
               sessions have ended.",
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
