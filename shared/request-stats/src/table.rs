//! The table in DynamoDB.
//!
//! | `pk` | `sk` | holds |
//! |---|---|---|
//! | `minute#<hour>` | `<minute>#<endpoint>` | an [`Aggregate`](crate::Aggregate) |
//! | `hour#<day>` | `<hour>#<endpoint>` | the same of an hour, so that a day is not read minute by minute |
//! | `slow#<day>` | `<time>#<id of the line>` | a [`SlowQuery`](crate::SlowQuery) |
//! | `batch#<id>` | `<part>` | that this part of a batch has been counted |
//!
//! Aggregates are read, merged and written back in the same transaction that marks their batch as counted, on the condition that nobody wrote
//! them in between: a batch counts once, however often it comes and wherever its environment dies. Everything expires after 14 days.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod add;
mod read;
mod reset;

pub use add::Added;

/// How long one attempt of a call may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long a call may take with its repetitions.
const OPERATION: Duration = Duration::from_secs(5);

/// Where requests are summed up.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// Why the table could not be read or written. Holds nothing that was stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB did not answer, or refused.
    #[error("{operation}: {reason}")]
    Refused {
        /// What was asked for.
        operation: &'static str,
        /// DynamoDB's name for the reason.
        reason: String,
    },
    /// Others wrote the same minutes again and again.
    #[error("too many others write the same minutes")]
    Contended,
    /// An item is not as this program writes it.
    #[error("an item cannot be read: {0}")]
    Item(#[from] serde_dynamo::Error),
}

impl Table {
    /// The table of this name, in the region and with the credentials of the process's environment. Nothing is asked of anybody yet.
    pub async fn open(name: &str) -> Self {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let limits = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .retry_config(RetryConfig::standard())
            .timeout_config(limits)
            .load()
            .await;
        Self::new(Client::new(&config), name)
    }

    /// The table of this name, asked by this client.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }
}

type Item = HashMap<String, AttributeValue>;

/// An item's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Key {
    pk: String,
    sk: String,
}

/// An item.
#[derive(Debug, Serialize, Deserialize)]
struct Row<T> {
    pk: String,
    sk: String,
    /// How often it was written: whoever writes it again names the version that they have read.
    version: u64,
    /// When DynamoDB may delete it, in seconds of Unix time.
    expires_at: i64,
    held: T,
}

impl<T> Row<T> {
    fn new(key: Key, expires_at: i64, held: T) -> Self {
        Self { pk: key.pk, sk: key.sk, version: 1, expires_at, held }
    }
}

/// A time as it sorts: always with milliseconds, or a whole second would come after its own parts.
fn moment(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn refused<E, R>(operation: &'static str) -> impl FnOnce(aws_sdk_dynamodb::error::SdkError<E, R>) -> Error
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    move |error| Error::Refused { operation, reason: reason(&error) }
}

/// The name of an error, and none of its text, which may quote keys.
fn reason<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> String
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
    match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        other => other.code().unwrap_or("an answer that cannot be read").to_owned(),
    }
}
