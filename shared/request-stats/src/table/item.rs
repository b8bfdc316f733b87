//! The items of the table and their keys.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An item as the SDK represents it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// An item of the table.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row<T> {
    pub(super) pk: String,
    pub(super) sk: String,
    /// The number of writes of the item. A writer requires the version that it has read, so that no
    /// update is lost.
    pub(super) version: u64,
    /// The time after which DynamoDB may delete the item, in seconds of Unix time.
    pub(super) expires_at: i64,
    pub(super) held: T,
}

impl<T> Row<T> {
    pub(super) fn new(key: Key, expires_at: i64, held: T) -> Self {
        Self { pk: key.pk, sk: key.sk, version: 1, expires_at, held }
    }
}

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// Formats a time so that it sorts chronologically: always with milliseconds, because a whole
/// second without them would sort after its own fractions.
pub(super) fn sortable(time: Timestamp) -> String {
    format!("{time:.3}")
}
