//! What can go wrong, in the words of the domain. The table from here to HTTP is `http::status`.

use std::error::Error as StdError;
use std::time::Duration;

/// The result of everything that a handler calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request is not answered as asked.
///
/// No variant holds anything that the client sent, so that every one of them may be logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read at all: broken JSON, a broken header.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// The request is well-formed, but some fields break their rule.
    #[error("{} fields are invalid", .0.len())]
    Invalid(Vec<FieldError>),
    /// No token, or one that is dead.
    #[error("not signed in: {0}")]
    Unauthenticated(&'static str),
    /// The e-mail address and the password do not belong together.
    #[error("wrong e-mail address or password")]
    WrongCredentials,
    /// The path or the query names another user.
    #[error("another user's resource")]
    Forbidden,
    /// There is no such thing, or it belongs to another user, which is not told apart.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The record is another version than the one that the request is meant for.
    #[error("another version than the expected one")]
    PreconditionFailed,
    /// The e-mail address has an account already.
    #[error("the e-mail address is registered already")]
    EmailTaken,
    /// An `Idempotency-Key` was used before, with another body.
    #[error("the Idempotency-Key was used with another request")]
    IdempotencyKeyReused,
    /// The body is larger than `limit` bytes.
    #[error("the body exceeds {limit} bytes")]
    TooLarge {
        /// The largest body that is read, in bytes.
        limit: usize,
    },
    /// The body is not what the endpoint reads.
    #[error("unsupported media type: {0}")]
    UnsupportedMediaType(&'static str),
    /// Too many attempts; `retry_after` tells when the next one counts.
    #[error("too many attempts")]
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Something that the answer needs is away; the same request may succeed after `retry_after`.
    #[error("unavailable: {cause}")]
    Unavailable {
        /// How long to wait.
        retry_after: Duration,
        /// What is away, for the log only.
        cause: Cause,
    },
    /// A defect of ours.
    #[error("internal error: {0}")]
    Internal(Cause),
}

/// The reason behind an error, for the log and never for the client.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// A field of the request that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in the body, the query or the path.
    pub field: &'static str,
    /// The rule as a phrase that follows the name: "must be between 1 and 100".
    pub rule: &'static str,
}

impl Error {
    /// A defect of ours.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Something is away that is likely to be back within a second or two.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(2), cause: cause.into() }
    }

    /// Whether it is our failure and none of the client's.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Internal(_) | Self::Unavailable { .. })
    }

    /// One field breaks its rule.
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
