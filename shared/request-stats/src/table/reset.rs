//! Forgetting what was counted, for tests.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use jiff::Timestamp;

use super::{Error, Item, Table, refused};
use crate::minute::{Minute, day, day_before};
use crate::report::Window;
use crate::scale::Scale;

/// DynamoDB deletes so many items at once.
const TOGETHER: usize = 25;

impl Table {
    /// Deletes everything that any window could show. A batch that was counted before stays counted: delivered again, it adds nothing.
    ///
    /// # Errors
    /// DynamoDB is away or refuses; doing it again deletes the rest.
    pub async fn reset(&self, now: Timestamp) -> Result<(), Error> {
        let last = Minute::of(now);
        let minutes = last.before(Window::LONGEST_MINUTES).until(last);
        let mut partitions: BTreeSet<_> =
            minutes.flat_map(|minute| Scale::ALL.map(|scale| scale.partition(minute))).collect();
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
                .map_err(refused("Query"))?;
            for keys in keys.chunks(TOGETHER) {
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
            let written = write.send().await.map_err(refused("BatchWriteItem"))?;
            left = written.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
        }
        Ok(())
    }
}
