//! CloudWatch Logs delivers what the functions print, at least once; here it is summed up, once.
//!
//! What fails is tried again by Lambda, and at last by way of the function's failure destination, a queue that this function reads as well. Adding
//! a batch again adds what is missing of it, so none of this counts anything twice.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::cloudwatch_logs::LogsEvent;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use request_stats::{Batch, Table};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::config::{ConfigError, Variables};
use shared::metrics::{self, FamilyUseReading, Published, RollupReading};
use shared::{Error, Result};
use tokio::sync::OnceCell;

fn main() -> ExitCode {
    shared::run_event(handle)
}

/// Where sums are kept.
#[derive(Debug, Clone)]
struct Sums {
    name: Arc<str>,
    table: Arc<OnceCell<Table>>,
}

impl TryFrom<Variables> for Sums {
    type Error = ConfigError;

    fn try_from(variables: Variables) -> Result<Self, ConfigError> {
        Ok(Self { name: variables.performance_table()?.into(), table: Arc::default() })
    }
}

/// What was done.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Empty {
    /// With a batch of log lines.
    Folded {
        /// Lines that were counted, now or before.
        folded: u64,
        /// Lines that are not ours, cut off, or without use.
        skipped: u64,
        /// Whether all of it had been counted before.
        repeated: bool,
    },
    /// With batches that had failed: those that have failed again, which the queue keeps.
    Retried(SqsBatchResponse),
}

/// Handles a batch of log lines, or batches that have failed before.
///
/// # Errors
/// The batch cannot be read, or the table is away. Nothing is lost: Lambda tries again, and keeps what fails for good.
async fn handle(sums: Sums, event: Box<RawValue>) -> Result<Empty> {
    match serde_json::from_str(event.get()).map_err(Error::internal)? {
        Event { records: Some(_), .. } => retry(&sums, &event).await.map(Empty::Retried),
        Event { records: None } => add(&sums, &event).await,
    }
}

/// What tells the two kinds of events apart.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "Records", borrow)]
    records: Option<&'a RawValue>,
}

/// What Lambda puts into the queue of what it could not get done.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    request_payload: Box<RawValue>,
}

async fn retry(sums: &Sums, event: &RawValue) -> Result<SqsBatchResponse> {
    let event: SqsEvent = serde_json::from_str(event.get()).map_err(Error::internal)?;
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let failed = serde_json::from_str::<Failed>(message.body.as_deref().unwrap_or_default());
        let outcome = match failed {
            Ok(failed) => add(sums, &failed.request_payload).await.map(drop),
            Err(error) => Err(Error::internal(error)),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "a batch of log lines has failed again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    Ok(response)
}

async fn add(sums: &Sums, event: &RawValue) -> Result<Empty> {
    let event: LogsEvent = serde_json::from_str(event.get()).map_err(Error::internal)?;
    let now = Timestamp::now();
    let batch = Batch::fold(&event.aws_logs.data, now);
    let table = sums.table.get_or_init(|| Table::open(&sums.name)).await;
    let added = table.add(&batch).await.map_err(Error::unavailable)?;

    for (family, used) in added.families {
        metrics::emit(&Published::of_family(now, &family, &FamilyUseReading::from(used)));
    }
    let (lines_folded, repeated) = (if added.repeated { 0 } else { batch.folded }, added.repeated);
    let reading = RollupReading { lines_folded, lines_skipped: batch.skipped, batches_repeated: repeated.into() };
    metrics::emit(&Published::new(now, &reading));
    Ok(Empty::Folded { folded: batch.folded, skipped: batch.skipped, repeated })
}
