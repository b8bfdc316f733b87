//! The errors of the domain. `shared::http::ERRORS` is the table of their codes, statuses and
//! texts.

use std::error::Error as StdError;
use std::time::Duration;

/// The result of a function that a handler calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a request fails.
///
/// No variant contains anything that the client sent, so every error may be logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be parsed, such as invalid JSON.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// The request is well-formed, but some fields break their rules.
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<FieldError>),
    /// There is no token, or its session has ended.
    #[error("not signed in: {0}")]
    Unauthenticated(&'static str),
    /// The password is not the account's, or there is no such account.
    #[error("wrong e-mail address or password")]
    WrongCredentials,
    /// The path, the query or the body names another user.
    #[error("the request names another user")]
    Forbidden,
    /// The record does not exist, or it belongs to another user. The two are not distinguished.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The record's version is not the one that the request expects.
    #[error("the version is not the expected one")]
    PreconditionFailed,
    /// An account with the e-mail address already exists.
    #[error("the e-mail address is already registered")]
    EmailTaken,
    /// The `Idempotency-Key` was used before, with another request.
    #[error("the Idempotency-Key was used with another request")]
    IdempotencyKeyReused,
    /// The body is larger than `limit` bytes.
    #[error("the body exceeds {limit} bytes")]
    TooLarge {
        /// The maximum size of a body, in bytes.
        limit: usize,
    },
    /// The body's media type or encoding is not supported.
    #[error("unsupported media type: {0}")]
    UnsupportedMediaType(&'static str),
    /// There were too many attempts.
    #[error("too many attempts")]
    RateLimited {
        /// The time after which another attempt is allowed.
        retry_after: Duration,
    },
    /// Something that the response needs is unavailable.
    #[error("unavailable: {cause}")]
    Unavailable {
        /// The time after which the same request may succeed.
        retry_after: Duration,
        /// The reason, for the log only.
        cause: Cause,
    },
    /// The service has a defect.
    #[error("internal error: {0}")]
    Internal(Cause),
}

/// The reason for an error, for the log and never for the client.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// A field of the request that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in the body, the query, the path or the headers.
    pub field: &'static str,
    /// The rule, as a phrase that follows the name: "must be a whole number from 1 to 100".
    pub rule: &'static str,
}

impl Error {
    /// Returns an error for a defect of the service.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Returns an error for something that is likely to be available again within 2 s.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(2), cause: cause.into() }
    }

    /// Returns whether the service, not the client, caused the error.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Internal(_) | Self::Unavailable { .. })
    }

    /// Returns an error for one field that breaks its rule.
    pub fn invalid(field: &'static str, rule: &'static str) -> Self {
        Self::Invalid(vec![FieldError { field, rule }])
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unavailable { .. } => Self::unavailable(error),
            db::Error::Rejected { .. } => Self::internal(error),
        }
    }
}
