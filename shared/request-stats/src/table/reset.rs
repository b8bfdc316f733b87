//! Deleting the statistics, for tests.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use jiff::Timestamp;

use super::error::{Error, operation_failed};
use super::item::Item;
use super::open::Table;
use crate::minute::{Minute, day, day_before};
use crate::report::Window;
use crate::resolution::Resolution;

/// The number of items that DynamoDB deletes in one call.
const DELETES_PER_CALL: usize = 25;

impl Table {
    /// Deletes all statistics that a report could contain. The marks of counted batches stay: if
    /// such a batch is delivered again, it adds nothing.
    ///
    /// # Errors
    /// Returns an error if DynamoDB is unavailable or rejects a request. Another call deletes the
    /// rest.
    pub async fn reset(&self, now: Timestamp) -> Result<(), Error> {
        let last = Minute::of(now);
        let minutes = last.minus(Window::MAX_MINUTES).through(last);
        let mut partitions: BTreeSet<_> =
            minutes.flat_map(|minute| Resolution::ALL.map(|resolution| resolution.partition(minute))).collect();
        partitions.extend([now, day_before(now)].map(|time| format!("slow#{}", day(time))));
        for partition in partitions {
            let keys = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(partition))
                .projection_expression("pk, sk")
                .consistent_read(true)
                .into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>()
                .await
                .map_err(operation_failed("Query"))?;
            for keys in keys.chunks(DELETES_PER_CALL) {
                self.delete(keys.to_vec()).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, keys: Vec<Item>) -> Result<(), Error> {
        let requests = keys.into_iter().filter_map(|key| DeleteRequest::builder().set_key(Some(key)).build().ok());
        let mut left: Vec<_> = requests.map(|delete| WriteRequest::builder().delete_request(delete).build()).collect();
        while !left.is_empty() {
            let write = self.client.batch_write_item().request_items(&self.name, left);
            let written = write.send().await.map_err(operation_failed("BatchWriteItem"))?;
            left = written.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
        }
        Ok(())
    }
}
