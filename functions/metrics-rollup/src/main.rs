//! Aggregates the metric lines that the functions print. CloudWatch Logs delivers each batch of
//! lines at least once; each batch is counted exactly once.
//!
//! Lambda retries a batch that fails, and finally sends it to the function's failure destination, a
//! queue that this function also reads. Adding a batch again adds only its missing parts, so that
//! no retry counts anything twice.

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

/// The table of the sums, which is opened for the first batch.
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

/// The result of an invocation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    /// A batch of log lines was counted.
    Folded {
        /// The number of lines that were counted, by this invocation or an earlier one.
        folded: u64,
        /// The number of lines that are foreign, truncated or irrelevant.
        skipped: u64,
        /// Whether an earlier invocation had counted the whole batch.
        repeated: bool,
    },
    /// Failed batches were retried. The queue retains those that failed again, which are listed.
    Retried(SqsBatchResponse),
}

/// Handles a batch of log lines, or batches that have failed before.
///
/// # Errors
/// The batch cannot be parsed, or the table is unavailable. Nothing is lost: Lambda retries the
/// batch, and the queue retains a batch that keeps failing.
async fn handle(sums: Sums, event: Box<RawValue>) -> Result<Outcome> {
    match serde_json::from_str(event.get()).map_err(Error::internal)? {
        Event { records: Some(_), .. } => retry(&sums, &event).await.map(Outcome::Retried),
        Event { records: None } => add(&sums, &event).await,
    }
}

/// The member that distinguishes the two kinds of events.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "Records", borrow)]
    records: Option<&'a RawValue>,
}

/// A message that Lambda sends to the failure destination.
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
            tracing::warn!(
                %error,
                "could not aggregate a batch of log lines; the queue delivers it again, or moves it to the dead-letter \
                queue"
            );
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    Ok(response)
}

async fn add(sums: &Sums, event: &RawValue) -> Result<Outcome> {
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
    Ok(Outcome::Folded { folded: batch.folded, skipped: batch.skipped, repeated })
}
