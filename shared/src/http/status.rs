//! The one table from an error to its status, code and title.

use domain::error::Error;
use http::StatusCode;

/// What the client is told of a kind of error.
pub(super) struct Kind {
    pub(super) status: StatusCode,
    /// For programs; `docs/errors.md` lists them all.
    pub(super) code: &'static str,
    /// For people.
    pub(super) title: &'static str,
}

const fn kind(status: StatusCode, code: &'static str, title: &'static str) -> Kind {
    Kind { status, code, title }
}

pub(super) fn of(error: &Error) -> Kind {
    match error {
        Error::Malformed(_) => kind(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
        Error::Unauthenticated(_) => kind(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first"),
        Error::WrongCredentials => {
            kind(StatusCode::UNAUTHORIZED, "wrong_credentials", "Wrong e-mail address or password")
        }
        Error::Forbidden => kind(StatusCode::FORBIDDEN, "forbidden", "This belongs to somebody else"),
        Error::NotFound(_) => kind(StatusCode::NOT_FOUND, "not_found", "There is no such thing"),
        Error::PreconditionFailed => {
            kind(StatusCode::PRECONDITION_FAILED, "precondition_failed", "It has been changed in the meantime")
        }
        Error::EmailTaken => kind(StatusCode::CONFLICT, "email_taken", "The e-mail address is registered already"),
        Error::TooLarge { .. } => kind(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large"),
        Error::UnsupportedMediaType(_) => {
            kind(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body's type is not supported")
        }
        Error::Invalid(_) => kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", "Some fields are invalid"),
        Error::IdempotencyKeyReused => kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "The Idempotency-Key belongs to another request",
        ),
        Error::RateLimited { .. } => kind(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many attempts"),
        Error::Internal(_) => kind(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side"),
        Error::Unavailable { .. } => {
            kind(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Please try again in a moment")
        }
    }
}
