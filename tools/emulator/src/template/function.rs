//! A function of the template: its binary, limits, variables and triggers.

use super::{
    api::Throttle,
    intrinsic::Unresolved,
    property::Properties,
    trigger::{Asynchronous, QueueSource, Subscription},
};
use crate::error::{Error, Result};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A function of the template (`AWS::Serverless::Function`).
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The short name in logs and in [`crate::EnvironmentInfo`]. It is the name of the binary, or
    /// the logical id if several functions share the binary.
    pub name: String,
    /// The name of the resource in the template.
    pub logical_id: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`: the property `FunctionName`, or else the logical id.
    pub function_name: String,
    /// The file name of the program in the directory of binaries.
    pub binary: String,
    /// The timeout of an invocation, by default 3 s.
    pub timeout: Duration,
    /// The memory size in MB, by default 128. The function can read it and reports contain it, but
    /// it is not enforced.
    pub memory_size: u64,
    /// The maximum number of environments, if the template limits it.
    pub reserved_concurrency: Option<usize>,
    /// The environment variables that the template declares.
    pub variables: BTreeMap<String, Variable>,
    /// The routes of the HTTP API that invoke the function.
    pub routes: Vec<Route>,
    /// The schedules that invoke the function.
    pub schedules: Vec<Schedule>,
    /// The name of the log group that the function writes to.
    pub log_group: String,
    /// The log groups whose lines the function receives.
    pub subscriptions: Vec<Subscription>,
    /// The queues whose messages the function receives.
    pub queues: Vec<QueueSource>,
    /// The handling of failed asynchronous events.
    pub asynchronous: Asynchronous,
}

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    /// A value that the template determines.
    Value(String),
    /// An expression whose value only a deployed stack knows, such as `!GetAtt Table.Arn`. The
    /// caller must provide a value.
    Unresolved(String),
}

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The method in upper case, or `None` for `ANY`.
    pub method: Option<String>,
    /// The path with its `{variables}`, or `None` for the `$default` route.
    pub path: Option<String>,
    /// How long the gateway waits for the function, at most and by default 30 s.
    pub timeout: Duration,
    /// The limit in the event's `RouteSettings`, if there is one.
    pub throttle: Option<Throttle>,
}

/// A schedule that invokes a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The name of the event in the template.
    pub name: String,
    /// The time between two events. `None` for a `cron` or `at` expression, which is not emulated.
    pub period: Option<Duration>,
    /// Whether the schedule belongs to EventBridge Scheduler (`ScheduleV2`) and not to a rule.
    pub is_scheduler: bool,
    /// The event that the function receives instead of the scheduled event.
    pub input: Option<String>,
}

impl Function {
    pub(super) fn read(function: &Properties<'_>, metadata: &Value) -> Result<Self> {
        if let Some(runtime) = function.text("Runtime")?.filter(|runtime| !runtime.starts_with("provided")) {
            return Err(function.error("Runtime", format!("only provided.* is emulated, not {runtime}")));
        }
        let logical_id = function.resource.to_owned();
        let binary = match metadata.pointer("/BuildProperties/Binary").and_then(Value::as_str) {
            Some(binary) => binary.to_owned(),
            None => function
                .text("CodeUri")?
                .and_then(|uri| Some(std::path::Path::new(&uri).file_name()?.to_str()?.to_owned()))
                .ok_or_else(|| {
                    function.error(
                        "CodeUri",
                        "expected a directory named after the binary, unless Metadata.BuildProperties.Binary is set",
                    )
                })?,
        };
        let variables = function.entries("Environment.Variables")?.into_iter().map(|(name, value)| {
            (name, value.map_or_else(|Unresolved(expression)| Variable::Unresolved(expression), Variable::Value))
        });
        let mut routes = Vec::new();
        let mut schedules = Vec::new();
        let (mut subscriptions, mut queues) = (Vec::new(), Vec::new());
        for (name, event) in function.parts("Events")? {
            match event.text("Type")?.as_deref() {
                Some("HttpApi") => routes.push(Route::read(&event)?),
                Some(kind @ ("Schedule" | "ScheduleV2")) => schedules.extend(Schedule::read(name, kind, &event)?),
                Some("Api") => return Err(event.error("Type", "REST APIs are not emulated, only HttpApi")),
                Some("CloudWatchLogs") => subscriptions.push(Subscription::read(name, &event)?),
                Some("SQS") => queues.extend(QueueSource::read(&event)?),
                // Other event sources, such as streams, are not emulated. Their functions can be
                // invoked directly.
                Some(_) => {}
                None => return Err(event.error("Type", "expected the type of the event")),
            }
        }
        let function_name = function.text("FunctionName")?.unwrap_or_else(|| logical_id.clone());
        let log_group = function.text("LoggingConfig.LogGroup")?;
        Ok(Self {
            name: logical_id.clone(),
            log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{function_name}")),
            asynchronous: Asynchronous::read(function)?,
            function_name,
            logical_id,
            binary,
            timeout: Duration::from_secs(function.integer("Timeout", 1..=900)?.unwrap_or(3)),
            memory_size: function.integer("MemorySize", 128..=10_240)?.unwrap_or(128),
            reserved_concurrency: function
                .integer("ReservedConcurrentExecutions", 0..=1_000_000)?
                .and_then(|limit| usize::try_from(limit).ok()),
            variables: variables.collect(),
            routes,
            schedules,
            subscriptions,
            queues,
        })
    }

    /// Reports whether `name` is one of the function's names.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        [&self.name, &self.logical_id, &self.function_name].iter().any(|known| known.as_str() == name)
    }
}

impl Route {
    /// Returns the route key as in API Gateway: `GET /health`, `ANY /files/{proxy+}`, `$default`.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.path {
            None => "$default".to_owned(),
            Some(path) => format!("{} {path}", self.method.as_deref().unwrap_or("ANY")),
        }
    }

    fn read(event: &Properties<'_>) -> Result<Self> {
        if let Some(version) = event.text("Properties.PayloadFormatVersion")?.filter(|version| version != "2.0") {
            return Err(event.error("Properties.PayloadFormatVersion", format!("only 2.0 is emulated, not {version}")));
        }
        if event.text("Properties.Auth.Authorizer")?.is_some_and(|authorizer| authorizer != "NONE") {
            return Err(event.error("Properties.Auth.Authorizer", "authorizers are not emulated"));
        }
        let path = event.text("Properties.Path")?.filter(|path| path != "$default");
        let method = event.text("Properties.Method")?.map(|method| method.to_ascii_uppercase());
        if let Some(path) = &path {
            check_path(event, path)?;
            if method.is_none() {
                return Err(event.error("Properties.Method", "expected a method for the path (ANY for all methods)"));
            }
        }
        let timeout = event.integer("Properties.TimeoutInMillis", 50..=30_000)?.unwrap_or(30_000);
        Ok(Self {
            method: method.filter(|method| method != "ANY" && method != "X-AMAZON-APIGATEWAY-ANY-METHOD"),
            path,
            timeout: Duration::from_millis(timeout),
            throttle: Throttle::read(event, "Properties.RouteSettings.")?,
        })
    }
}

impl Schedule {
    fn read(name: String, kind: &str, event: &Properties<'_>) -> Result<Option<Self>> {
        let property = if kind == "Schedule" { "Properties.Schedule" } else { "Properties.ScheduleExpression" };
        let expression = event.text(property)?.ok_or_else(|| event.error(property, "expected rate(…) or cron(…)"))?;
        let disabled = event.boolean("Properties.Enabled")? == Some(false)
            || event.text("Properties.State")?.as_deref() == Some("DISABLED");
        let period = match expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) {
            Some(rate) => Some(parse_rate(rate).ok_or_else(|| {
                event.error(property, "expected rate(n unit) with a number from 1 and minute(s), hour(s) or day(s)")
            })?),
            None => None,
        };
        let input = event.text("Properties.Input")?;
        Ok((!disabled).then_some(Self { name, period, is_scheduler: kind == "ScheduleV2", input }))
    }
}

fn parse_rate(rate: &str) -> Option<Duration> {
    let (number, unit) = rate.trim().split_once(' ')?;
    let number = number.parse::<u64>().ok().filter(|number| *number > 0)?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

fn check_path(event: &Properties<'_>, path: &str) -> Result<()> {
    let rule = |text: &str| event.error("Properties.Path", text);
    let Some(rest) = path.strip_prefix('/') else { return Err(rule("a path must begin with /")) };
    let segments: Vec<&str> = rest.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let variable = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        match variable {
            Some(name) if name.ends_with('+') && index + 1 < segments.len() => {
                return Err(rule("a greedy variable {name+} must be at the end"));
            }
            Some(name) if name.trim_end_matches('+').is_empty() => return Err(rule("a variable must have a name")),
            None if segment.contains(['{', '}']) => return Err(rule("a variable must fill a whole segment")),
            _ => {}
        }
    }
    Ok(())
}

/// Names each function after its binary, unless another function has the same binary.
pub(super) fn name_by_binary(functions: &mut [Function]) {
    let mut seen = BTreeSet::new();
    let doubled: BTreeSet<String> = functions
        .iter()
        .filter(|function| !seen.insert(&function.binary))
        .map(|function| function.binary.clone())
        .collect();
    for function in functions.iter_mut().filter(|function| !doubled.contains(&function.binary)) {
        function.name.clone_from(&function.binary);
    }
}

/// Rejects a function that subscribes to its own log group. Each delivery would make it print more
/// lines, without end.
pub(super) fn reject_own_logs(functions: &[Function]) -> Result<()> {
    for function in functions {
        for subscription in &function.subscriptions {
            if subscription.log_group == function.log_group {
                let property = format!("Events.{}.Properties.LogGroupName", subscription.name);
                return Err(Error::template(
                    &function.logical_id,
                    property,
                    "a function must not subscribe to its own log group",
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn reject_doubled_routes(functions: &[Function]) -> Result<()> {
    let mut owners = BTreeMap::new();
    for function in functions {
        for route in &function.routes {
            if let Some(owner) = owners.insert(route.key(), &function.logical_id) {
                return Err(Error::template(
                    &function.logical_id,
                    "Events",
                    format!("{owner} already has the route {}", route.key()),
                ));
            }
        }
    }
    Ok(())
}
