//! What functions print, on its way to the functions that have subscribed to it.
//!
//! CloudWatch Logs collects the lines of one stream for some seconds, here for one, and delivers them compressed and without waiting for the
//! outcome. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::asynchronous;
use crate::log::{LogLine, LogSink};
use crate::pool::Pool;
use crate::queue::Queues;
use crate::template::{ACCOUNT, Subscription, Template};

/// How long lines are collected.
const PERIOD: Duration = Duration::from_secs(1);
/// So many lines make a batch at most.
const MOST_LINES: usize = 10_000;
/// So many bytes make a batch at most, before it is compressed.
const MOST_BYTES: usize = 1024 * 1024;

/// Where lines and requests go in.
pub(crate) type Inlet = mpsc::UnboundedSender<Letter>;

/// What the post is given.
pub(crate) enum Letter {
    Line(Line),
    /// Delivers what has come so far, and tells when the functions have answered.
    Flush(oneshot::Sender<()>),
}

/// A line that somebody may have subscribed to.
pub(crate) struct Line {
    group: String,
    stream: String,
    /// In milliseconds since 1970.
    time: i64,
    text: String,
}

/// A sink that also passes on the lines of log groups that somebody has subscribed to.
pub(crate) fn sink(template: &Template, inlet: Inlet, sink: LogSink) -> LogSink {
    let subscribed = |group: &str| {
        let mut subscriptions = template.functions.iter().flat_map(|function| &function.subscriptions);
        subscriptions.any(|subscription| subscription.log_group == group)
    };
    let functions = template.functions.iter().filter(|function| subscribed(&function.log_group));
    let groups: BTreeMap<_, _> =
        functions.map(|function| (function.name.clone(), function.log_group.clone())).collect();
    Arc::new(move |line: &LogLine| {
        sink(line);
        if let Some(group) = groups.get(&line.function) {
            let now = jiff::Timestamp::now();
            let stream = format!("{}/[$LATEST]{}", now.strftime("%Y/%m/%d"), line.environment);
            let (group, time, text) = (group.clone(), now.as_millisecond(), line.text.clone());
            // It fails only when the emulator has ended.
            let _ = inlet.send(Letter::Line(Line { group, stream, time, text }));
        }
    })
}

/// Collects lines and delivers them.
pub(crate) struct Post {
    receiver: mpsc::UnboundedReceiver<Letter>,
    subscribers: Vec<(Subscription, Arc<Pool>)>,
    queues: Arc<Queues>,
    /// By subscriber and stream.
    collected: BTreeMap<(usize, String), Vec<Value>>,
    bytes: usize,
    lines: u64,
    under_way: JoinSet<()>,
}

impl Post {
    pub(crate) fn new(
        receiver: mpsc::UnboundedReceiver<Letter>,
        template: &Template,
        pools: &[Arc<Pool>],
        queues: &Arc<Queues>,
    ) -> Self {
        let functions = template.functions.iter().zip(pools);
        let subscribers = functions.flat_map(|(function, pool)| {
            function.subscriptions.iter().map(|subscription| (subscription.clone(), Arc::clone(pool)))
        });
        Self {
            receiver,
            subscribers: subscribers.collect(),
            queues: Arc::clone(queues),
            collected: BTreeMap::new(),
            bytes: 0,
            lines: 0,
            under_way: JoinSet::new(),
        }
    }

    /// Delivers until nobody can print any more.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.receiver.recv().await {
            let due = Instant::now() + PERIOD;
            let mut waiting = self.take(first);
            while waiting.is_none() && self.lines_collected() < MOST_LINES && self.bytes < MOST_BYTES {
                match timeout_at(due, self.receiver.recv()).await {
                    Ok(Some(letter)) => waiting = self.take(letter),
                    Ok(None) | Err(_) => break,
                }
            }
            self.deliver();
            if let Some(waiting) = waiting {
                while self.under_way.join_next().await.is_some() {}
                let _ = waiting.send(());
            }
        }
    }

    /// Puts a line aside for whoever wants it, and returns who waits for the delivery.
    fn take(&mut self, letter: Letter) -> Option<oneshot::Sender<()>> {
        let Line { group, stream, time, text } = match letter {
            Letter::Line(line) => line,
            Letter::Flush(waiting) => return Some(waiting),
        };
        self.lines += 1;
        for (index, (subscription, _)) in self.subscribers.iter().enumerate() {
            if subscription.log_group == group && subscription.pattern.matches(&text) {
                self.bytes += text.len();
                // As long as CloudWatch's, and in the order of their lines.
                let id = format!("{time:020}{:036}", self.lines);
                let event = json!({"id": id, "timestamp": time, "message": text});
                self.collected.entry((index, stream.clone())).or_default().push(event);
            }
        }
        None
    }

    fn lines_collected(&self) -> usize {
        self.collected.values().map(Vec::len).sum()
    }

    fn deliver(&mut self) {
        while self.under_way.try_join_next().is_some() {}
        self.bytes = 0;
        for ((index, stream), events) in std::mem::take(&mut self.collected) {
            let Some((subscription, pool)) = self.subscribers.get(index) else { continue };
            let (subscription, pool, queues) = (subscription.clone(), Arc::clone(pool), Arc::clone(&self.queues));
            self.under_way.spawn(async move {
                match event(&subscription, &stream, &events) {
                    Ok(event) => asynchronous::invoke(&pool, event, &queues).await,
                    Err(error) => pool.log(format!("Subscription {}: {error}", subscription.name)),
                }
            });
        }
    }
}

/// What a subscriber is sent.
fn event(subscription: &Subscription, stream: &str, events: &[Value]) -> io::Result<Bytes> {
    let data = json!({
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": subscription.log_group,
        "logStream": stream,
        "subscriptionFilters": [subscription.name],
        "logEvents": events,
    });
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(data.to_string().as_bytes())?;
    let event = json!({"awslogs": {"data": STANDARD.encode(packed.finish()?)}});
    Ok(event.to_string().into())
}
