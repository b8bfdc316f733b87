//! The error of a failed read or write of the table.
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The reason why the table could not be read or written. It contains no stored value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB did not respond, or rejected the operation.
    #[error("{operation}: {reason}")]
    OperationFailed {
        /// The name of the operation.
        operation: &'static str,
        /// The error code of DynamoDB, or a short description if there is no code.
        reason: String,
    },
    /// Other writers changed the same minutes again and again.
    #[error("too many concurrent writers of the same minutes")]
    Contended,
    /// An item does not have the format that this crate writes.
    #[error("an item cannot be read: {0}")]
    Item(#[from] serde_dynamo::Error),
}

/// Returns a function that converts an error of this operation to an [`Error`].
pub(super) fn operation_failed<E: ProvideErrorMetadata, R>(
    operation: &'static str,
) -> impl FnOnce(SdkError<E, R>) -> Error {
    move |error| Error::OperationFailed { operation, reason: reason(&error) }
}

/// Returns the error of an operation whose request could not be built.
pub(super) fn invalid_request(operation: &'static str) -> Error {
    Error::OperationFailed { operation, reason: "the request is incomplete".to_owned() }
}

/// Returns the name of an error without its text, which may quote keys.
pub(super) fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        other => other.code().unwrap_or("a malformed response").to_owned(),
    }
}
