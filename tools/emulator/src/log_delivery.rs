//! Delivery of log lines to the functions that subscribe to their log group.
//!
//! CloudWatch Logs collects the lines of one stream for several seconds. This module collects them
//! for [`Options::log_period`](crate::Options::log_period). It delivers them compressed and does
//! not wait for the outcome.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::async_invoke;
use crate::log::{LogLine, LogSink};
use crate::pool::Pool;
use crate::queue::Queues;
use crate::template::{ACCOUNT, Subscription, Template};

/// The maximum number of lines that are collected before they are delivered.
const MAX_LINES: usize = 10_000;
/// The maximum number of uncompressed bytes that are collected before they are delivered.
const MAX_BYTES: usize = 1024 * 1024;

/// Collects the lines of subscribed log groups and delivers them in batches.
pub(crate) struct LogDelivery {
    messages: mpsc::UnboundedReceiver<LogMessage>,
    subscribers: Vec<(Subscription, Arc<Pool>)>,
    queues: Arc<Queues>,
    /// How long lines are collected.
    period: Duration,
    /// The collected events, by subscriber and log stream.
    batches: BTreeMap<(usize, String), Vec<Value>>,
    bytes: usize,
    events: u64,
    deliveries: JoinSet<()>,
}

/// The sender of messages to a [`LogDelivery`].
pub(crate) type LogSender = mpsc::UnboundedSender<LogMessage>;

pub(crate) enum LogMessage {
    Event(LogEvent),
    /// Requests the delivery of all earlier messages. The reply is sent when the functions have
    /// handled them.
    Flush(oneshot::Sender<()>),
}

/// A line of a log group with at least one subscriber.
pub(crate) struct LogEvent {
    log_group: String,
    log_stream: String,
    /// Milliseconds since the Unix epoch.
    timestamp: i64,
    message: String,
}

/// Returns a sink that forwards all lines to `sink`, and the lines of subscribed log groups also to
/// `sender`.
pub(crate) fn forwarding_sink(template: &Template, sender: LogSender, sink: LogSink) -> LogSink {
    let subscribed = |group: &str| {
        let mut subscriptions = template.functions.iter().flat_map(|function| &function.subscriptions);
        subscriptions.any(|subscription| subscription.log_group == group)
    };
    let functions = template.functions.iter().filter(|function| subscribed(&function.log_group));
    let log_groups: BTreeMap<_, _> =
        functions.map(|function| (function.name.clone(), function.log_group.clone())).collect();
    Arc::new(move |line: &LogLine| {
        sink(line);
        if let Some(log_group) = log_groups.get(&line.function) {
            let now = Timestamp::now();
            let event = LogEvent {
                log_group: log_group.clone(),
                log_stream: format!("{}/[$LATEST]{}", now.strftime("%Y/%m/%d"), line.environment),
                timestamp: now.as_millisecond(),
                message: line.text.clone(),
            };
            // This fails only after the emulator has ended.
            let _ = sender.send(LogMessage::Event(event));
        }
    })
}

/// Delivers all lines sent so far, and waits until the functions have handled them.
pub(crate) async fn flush(sender: &LogSender) {
    let (reply, handled) = oneshot::channel();
    // Both fail only after the emulator has ended.
    let _ = sender.send(LogMessage::Flush(reply));
    let _ = handled.await;
}

impl LogDelivery {
    /// Creates the delivery for a template. `pools` has the pool of each function, in the
    /// template's order.
    pub(crate) fn new(
        messages: mpsc::UnboundedReceiver<LogMessage>,
        template: &Template,
        pools: &[Arc<Pool>],
        queues: &Arc<Queues>,
        period: Duration,
    ) -> Self {
        let functions = template.functions.iter().zip(pools);
        let subscribers = functions.flat_map(|(function, pool)| {
            function.subscriptions.iter().map(|subscription| (subscription.clone(), Arc::clone(pool)))
        });
        Self {
            messages,
            subscribers: subscribers.collect(),
            queues: Arc::clone(queues),
            period,
            batches: BTreeMap::new(),
            bytes: 0,
            events: 0,
            deliveries: JoinSet::new(),
        }
    }

    /// Collects and delivers lines until the last sender is dropped.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.messages.recv().await {
            let due = Instant::now() + self.period;
            let mut flush = self.accept(first);
            while flush.is_none() && self.collected_lines() < MAX_LINES && self.bytes < MAX_BYTES {
                match timeout_at(due, self.messages.recv()).await {
                    Ok(Some(message)) => flush = self.accept(message),
                    Ok(None) | Err(_) => break,
                }
            }
            self.deliver();
            if let Some(flush) = flush {
                while self.deliveries.join_next().await.is_some() {}
                let _ = flush.send(());
            }
        }
    }

    /// Adds an event to the batches of its subscribers. Returns the reply channel if the message is
    /// a flush.
    fn accept(&mut self, message: LogMessage) -> Option<oneshot::Sender<()>> {
        let LogEvent { log_group, log_stream, timestamp, message } = match message {
            LogMessage::Event(event) => event,
            LogMessage::Flush(reply) => return Some(reply),
        };
        self.events += 1;
        for (index, (subscription, _)) in self.subscribers.iter().enumerate() {
            if subscription.log_group == log_group && subscription.pattern.matches(&message) {
                self.bytes += message.len();
                // The id has the length of a CloudWatch Logs id. Ids ascend in the order of the
                // lines.
                let id = format!("{timestamp:020}{:036}", self.events);
                let event = json!({"id": id, "timestamp": timestamp, "message": message});
                self.batches.entry((index, log_stream.clone())).or_default().push(event);
            }
        }
        None
    }

    fn collected_lines(&self) -> usize {
        self.batches.values().map(Vec::len).sum()
    }

    fn deliver(&mut self) {
        while self.deliveries.try_join_next().is_some() {}
        self.bytes = 0;
        for ((index, log_stream), events) in mem::take(&mut self.batches) {
            let Some((subscription, pool)) = self.subscribers.get(index) else { continue };
            let (subscription, pool, queues) = (subscription.clone(), Arc::clone(pool), Arc::clone(&self.queues));
            self.deliveries.spawn(async move {
                match encode(&subscription, &log_stream, &events) {
                    Ok(event) => async_invoke::invoke(&pool, event, &queues).await,
                    Err(error) => pool.log(format!(
                        "Could not encode the lines for the subscription {}, discarding them: {error}",
                        subscription.name
                    )),
                }
            });
        }
    }
}

/// Encodes the event that a subscribed function receives.
fn encode(subscription: &Subscription, log_stream: &str, events: &[Value]) -> io::Result<Bytes> {
    let data = json!({
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": subscription.log_group,
        "logStream": log_stream,
        "subscriptionFilters": [subscription.name],
        "logEvents": events,
    });
    let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
    compressed.write_all(data.to_string().as_bytes())?;
    let event = json!({"awslogs": {"data": STANDARD.encode(compressed.finish()?)}});
    Ok(event.to_string().into())
}
