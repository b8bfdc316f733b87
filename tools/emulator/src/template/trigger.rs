//! What calls a function by itself, besides the HTTP API: logs and queues; and what becomes of such a call that fails.

use super::property::Properties;
use crate::error::Result;
use crate::filter::Pattern;
use serde_json::Value;
use std::time::Duration;

/// A subscription to a log group (`CloudWatchLogs`).
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// The name of the event in the template.
    pub name: String,
    /// The log group's name.
    pub log_group: String,
    /// Which lines are delivered.
    pub pattern: Pattern,
}

/// A queue whose messages a function is given (`SQS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSource {
    /// The logical id of the queue.
    pub queue: String,
    /// How many messages one event holds at most.
    pub batch_size: usize,
    /// Whether the function tells which messages of an event have failed.
    pub reports_failures: bool,
}

/// What becomes of an event that nobody waits for (`EventInvokeConfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asynchronous {
    /// How often a failed event is tried again.
    pub retries: u32,
    /// How old an event may become.
    pub max_age: Duration,
    /// The logical id of the queue that gets what has failed for good.
    pub on_failure: Option<String>,
}

impl Subscription {
    pub(super) fn read(name: String, event: &Properties<'_>) -> Result<Self> {
        let property = "Properties.LogGroupName";
        let log_group = event.text(property)?.filter(|name| !name.is_empty());
        let log_group = log_group.ok_or_else(|| event.error(property, "the name of a log group is expected"))?;
        let property = "Properties.FilterPattern";
        let pattern = event.text(property)?.unwrap_or_default();
        let pattern = Pattern::parse(&pattern).map_err(|rule| event.error(property, rule))?;
        Ok(Self { name, log_group, pattern })
    }
}

impl QueueSource {
    /// A queue of the template; one that stands elsewhere delivers nothing here.
    pub(super) fn read(event: &Properties<'_>) -> Result<Option<Self>> {
        let Some(queue) = event.raw("Properties.Queue").and_then(resource_of_arn) else { return Ok(None) };
        let batch_size = event.integer("Properties.BatchSize", 1..=10_000)?.unwrap_or(10);
        let reports = event.texts("Properties.FunctionResponseTypes")?;
        Ok(Some(Self {
            queue: queue.to_owned(),
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            reports_failures: reports.iter().any(|kind| kind == "ReportBatchItemFailures"),
        }))
    }
}

impl Asynchronous {
    /// The defaults are Lambda's.
    pub(super) fn read(function: &Properties<'_>) -> Result<Self> {
        let retries = function.integer("EventInvokeConfig.MaximumRetryAttempts", 0..=2)?.unwrap_or(2);
        let max_age = function.integer("EventInvokeConfig.MaximumEventAgeInSeconds", 60..=21_600)?.unwrap_or(21_600);
        let on_failure = function.raw("EventInvokeConfig.DestinationConfig.OnFailure.Destination");
        Ok(Self {
            retries: u32::try_from(retries).unwrap_or(2),
            max_age: Duration::from_secs(max_age),
            on_failure: on_failure.and_then(resource_of_arn).map(str::to_owned),
        })
    }
}

/// The logical id in `!GetAtt Queue.Arn`, which no template knows the value of.
pub(super) fn resource_of_arn(value: &Value) -> Option<&str> {
    match value.get("Fn::GetAtt")? {
        Value::String(path) => path.strip_suffix(".Arn"),
        Value::Array(path) => path.first().filter(|_| path.get(1).is_some_and(|last| last == "Arn"))?.as_str(),
        _ => None,
    }
}
