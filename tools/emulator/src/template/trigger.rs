//! The log and queue triggers of a function, and the handling of failed asynchronous events.

use super::property::Properties;
use crate::error::Result;
use crate::filter::Pattern;
use serde_json::Value;
use std::time::Duration;

/// A subscription to a log group (an event of type `CloudWatchLogs`).
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// The name of the event in the template.
    pub name: String,
    /// The log group's name.
    pub log_group: String,
    /// The pattern that selects the delivered lines.
    pub pattern: Pattern,
}

/// A queue whose messages a function receives (an event of type `SQS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSource {
    /// The logical id of the queue.
    pub queue: String,
    /// The maximum number of messages in one event.
    pub batch_size: usize,
    /// Whether the function reports which messages of an event have failed.
    pub reports_failures: bool,
}

/// The handling of failed asynchronous events (`EventInvokeConfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asynchronous {
    /// The maximum number of retries of a failed event.
    pub retries: u32,
    /// The maximum age of an event that is retried.
    pub max_age: Duration,
    /// The logical id of the queue that receives an event after its last failed attempt.
    pub on_failure: Option<String>,
}

impl Subscription {
    pub(super) fn read(name: String, event: &Properties<'_>) -> Result<Self> {
        let property = "Properties.LogGroupName";
        let log_group = event.text(property)?.filter(|name| !name.is_empty());
        let log_group = log_group.ok_or_else(|| event.error(property, "expected the name of a log group"))?;
        let property = "Properties.FilterPattern";
        let pattern = event.text(property)?.unwrap_or_default();
        let pattern = Pattern::parse(&pattern).map_err(|rule| event.error(property, rule))?;
        Ok(Self { name, log_group, pattern })
    }
}

impl QueueSource {
    /// Reads the event. Returns `None` if the queue is not a resource of the template, because
    /// other queues are not emulated.
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
    /// Reads `EventInvokeConfig`. The defaults are Lambda's: two retries and a maximum age of six
    /// hours.
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

/// Returns the logical id in `!GetAtt Queue.Arn`. The ARN itself is unknown before deployment.
pub(super) fn resource_of_arn(value: &Value) -> Option<&str> {
    match value.get("Fn::GetAtt")? {
        Value::String(path) => path.strip_suffix(".Arn"),
        Value::Array(path) => path.first().filter(|_| path.get(1).is_some_and(|last| last == "Arn"))?.as_str(),
        _ => None,
    }
}
