//! Adding a batch to the table.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};
use metrics::FamilyUse;
use tokio::time::sleep;

use super::error::{Error, invalid_request, operation_failed, reason};
use super::item::{Item, Key, Row, sortable};
use super::open::Table;
use crate::aggregate::{Aggregate, add_families};
use crate::batch::Batch;
use crate::minute::{Minute, day, expiry};
use crate::resolution::Resolution;

/// The number of aggregates that are written in one transaction. Each is written into its minute
/// and its hour, and the mark of the part is one more item. DynamoDB accepts 100 items.
const AGGREGATES_PER_TRANSACTION: usize = 49;
/// The number of attempts of a transaction while other writers change the same minutes.
const MAX_ATTEMPTS: u32 = 8;
/// The pause before the first retry. Each further pause is about twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The outcome of adding a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddOutcome {
    /// Whether the whole batch had been counted before.
    pub repeated: bool,
    /// The cache lookups that had not been counted before, by family.
    pub families: BTreeMap<String, FamilyUse>,
}

/// The reason why a transaction was not committed.
enum Cancelled {
    /// This part of the batch had been counted before.
    Repeated,
    /// Another writer changed one of its items.
    Contended,
    Failed(Error),
}

type Part<'a> = [(&'a (Minute, String), &'a Aggregate)];

impl Table {
    /// Adds a batch unless it has been added before. After an error the batch may be added in part;
    /// adding it again adds the rest.
    ///
    /// # Errors
    /// Returns an error if DynamoDB is unavailable or rejects the request, or if too many other
    /// writers change the same minutes or hours.
    pub async fn add(&self, batch: &Batch) -> Result<AddOutcome, Error> {
        // The key contains the id of the line, so writing it twice stores it once.
        for (id, query) in &batch.slow_queries {
            let key = Key { pk: format!("slow#{}", day(query.at)), sk: format!("{}#{id}", sortable(query.at)) };
            let item = serde_dynamo::to_item(Row::new(key, expiry(query.at), query))?;
            let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
            put.send().await.map_err(operation_failed("PutItem"))?;
        }
        let requests: Vec<_> = batch.requests.iter().collect();
        let mut added = AddOutcome { repeated: !requests.is_empty(), ..AddOutcome::default() };
        for (number, part) in requests.chunks(AGGREGATES_PER_TRANSACTION).enumerate() {
            let mark = Key { pk: format!("batch#{}", batch.id), sk: number.to_string() };
            if self.add_part(mark, part).await? {
                added.repeated = false;
                part.iter().for_each(|(_, aggregate)| add_families(&mut added.families, &aggregate.families));
            }
        }
        Ok(added)
    }

    /// Adds a part. Returns `false` if it had been counted before.
    async fn add_part(&self, mark: Key, part: &Part<'_>) -> Result<bool, Error> {
        for attempt in 0..MAX_ATTEMPTS {
            match self.try_add(&mark, part).await {
                Ok(()) => return Ok(true),
                Err(Cancelled::Repeated) => return Ok(false),
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Contended) => sleep(pause(attempt)).await,
            }
        }
        Err(Error::Contended)
    }

    async fn try_add(&self, mark: &Key, part: &Part<'_>) -> Result<(), Cancelled> {
        let sums = sums(part);
        let mut stored = self.stored(sums.keys()).await?;
        let latest = part.iter().map(|((minute, _), _)| expiry(minute.start())).max().unwrap_or(0);
        let mark = Row::new(mark.clone(), latest, ());
        let mut writes = vec![self.put(serde_dynamo::to_item(mark).map_err(Error::from)?, None)?];
        for (key, sum) in sums {
            let found = stored.remove(&key);
            let read = found.as_ref().map(|found| found.version);
            let mut row = found.unwrap_or_else(|| Row::new(key, latest, Aggregate::default()));
            row.held.merge(&sum);
            row.version = read.unwrap_or(0) + 1;
            writes.push(self.put(serde_dynamo::to_item(row).map_err(Error::from)?, read)?);
        }
        let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
        transaction.send().await.map(drop).map_err(|error| cancelled(&error))
    }

    /// Reads the stored aggregates of these keys.
    async fn stored(&self, keys: impl Iterator<Item = &Key>) -> Result<HashMap<Key, Row<Aggregate>>, Cancelled> {
        let keys = keys.map(serde_dynamo::to_item).collect::<Result<Vec<Item>, _>>().map_err(Error::from)?;
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|_| invalid_request("BatchGetItem"))?;
        let read = self.client.batch_get_item().request_items(&self.name, wanted).send().await;
        let read = read.map_err(operation_failed("BatchGetItem"))?;
        if read.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
            return Err(Cancelled::Contended);
        }
        let items = read.responses.unwrap_or_default().remove(&self.name).unwrap_or_default();
        let rows = serde_dynamo::from_items::<_, Row<Aggregate>>(items).map_err(Error::from)?;
        Ok(rows.into_iter().map(|row| (Key { pk: row.pk.clone(), sk: row.sk.clone() }, row)).collect())
    }

    /// Builds the write of an item on the condition that the stored version is still `version`, or
    /// that no item is stored.
    fn put(&self, item: Item, version: Option<u64>) -> Result<TransactWriteItem, Error> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        let put = match version {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        let put = put.build().map_err(|_| invalid_request("TransactWriteItems"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Returns the sums to add to the item of each key.
fn sums(part: &Part<'_>) -> BTreeMap<Key, Aggregate> {
    let mut sums = BTreeMap::<_, Aggregate>::new();
    for ((minute, endpoint), aggregate) in part {
        for resolution in Resolution::ALL {
            let key = Key { pk: resolution.partition(*minute), sk: format!("{}#{endpoint}", resolution.name(*minute)) };
            sums.entry(key).or_default().merge(aggregate);
        }
    }
    sums
}

impl From<Error> for Cancelled {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Returns the reason why a transaction was canceled. Its first item is the mark: if the mark
/// exists already, no other reason matters.
fn cancelled(error: &SdkError<TransactWriteItemsError>) -> Cancelled {
    let Some(TransactWriteItemsError::TransactionCanceledException(exception)) = error.as_service_error() else {
        let reason = reason(error);
        let contended = ["TransactionInProgressException", "ThrottlingException"].contains(&reason.as_str());
        let failed = Error::OperationFailed { operation: "TransactWriteItems", reason };
        return if contended { Cancelled::Contended } else { Cancelled::Failed(failed) };
    };
    let reasons: Vec<_> =
        exception.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
    let transient =
        ["None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    match reasons.iter().find(|reason| !transient.contains(reason)) {
        Some(reason) => {
            Cancelled::Failed(Error::OperationFailed { operation: "TransactWriteItems", reason: (*reason).to_owned() })
        }
        None if reasons.first() == Some(&"ConditionalCheckFailed") => Cancelled::Repeated,
        None => Cancelled::Contended,
    }
}

/// Returns the pause before the next attempt. It doubles with each attempt, plus a random share of
/// up to the same length, so that writers that collided do not collide again.
fn pause(attempt: u32) -> Duration {
    let mut random = [0];
    // Without randomness all writers pause equally long, which is acceptable.
    let _ = getrandom::fill(&mut random);
    let shortest = FIRST_PAUSE * 2_u32.saturating_pow(attempt);
    shortest + shortest * u32::from(random[0]) / 255
}
