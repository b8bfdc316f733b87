//! The tables and queues of a template.

use super::property::Properties;
use super::trigger::resource_of_arn;
use crate::error::Result;
use serde_json::{Map, Value};
use std::time::Duration;

/// A table of the template (`AWS::DynamoDB::Table`).
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The name that functions use: `TableName`, or else the logical id.
    pub name: String,
    /// The `CreateTable` request for the table.
    pub(crate) create: Value,
    /// The attribute with the expiry time of an item, if expiry is enabled.
    pub(crate) expiry: Option<String>,
}

/// A queue of the template (`AWS::SQS::Queue`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The logical id of the queue.
    pub name: String,
    /// How long a message stays hidden after a function has failed to handle it.
    pub visibility_timeout: Duration,
    /// The number of times that a message is received before it moves to the dead-letter queue, and
    /// the logical id of that queue.
    pub redrive: Option<(u32, String)>,
}

impl Table {
    pub(super) fn read(table: &Properties<'_>) -> Result<Self> {
        let name = table.text("TableName")?.unwrap_or_else(|| table.resource.to_owned());
        // The resource's properties have the same names as the members of the request.
        let members =
            ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingMode"];
        let mut create = Map::from_iter([("TableName".to_owned(), Value::from(name.clone()))]);
        for member in members {
            create.extend(table.get(member)?.map(|value| (member.to_owned(), value)));
        }
        let enabled = table.boolean("TimeToLiveSpecification.Enabled")?.unwrap_or(false);
        let expiry = table.text("TimeToLiveSpecification.AttributeName")?.filter(|_| enabled);
        Ok(Self { name, create: create.into(), expiry })
    }
}

impl Queue {
    pub(super) fn read(queue: &Properties<'_>) -> Result<Self> {
        let visibility = queue.integer("VisibilityTimeout", 0..=43_200)?.unwrap_or(30);
        let receives = queue.integer("RedrivePolicy.maxReceiveCount", 1..=1_000)?;
        let target = queue.raw("RedrivePolicy.deadLetterTargetArn").and_then(resource_of_arn);
        let redrive = receives.and_then(|receives| u32::try_from(receives).ok()).zip(target.map(str::to_owned));
        Ok(Self { name: queue.resource.to_owned(), visibility_timeout: Duration::from_secs(visibility), redrive })
    }
}
