//! The template's SQS queues. Their messages come from failure destinations, from other queues, and
//! from `Emulator::send`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use crate::pool::Pool;
use crate::template::{self, ACCOUNT, QueueSource, REGION};

/// The queues of the template, by logical id.
pub(crate) type Queues = BTreeMap<String, Arc<Queue>>;

/// A queue and its messages.
pub(crate) struct Queue {
    settings: template::Queue,
    visible: Mutex<VecDeque<Message>>,
    arrived: Notify,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
    receive_count: u32,
}

/// Invokes a function with the messages of a queue until the task is dropped.
pub(crate) async fn poll(source: QueueSource, pool: Arc<Pool>, queues: Arc<Queues>) {
    let Some(queue) = queues.get(&source.queue) else { return };
    // Tasks that make failed messages visible again when their visibility timeout expires.
    let mut hidden = JoinSet::new();
    loop {
        let messages = queue.receive(source.batch_size).await;
        let records: Vec<_> = messages.iter().map(|message| queue.record(message)).collect();
        let outcome = pool.invoke(json!({"Records": records}).to_string().into(), None).await;
        let failed = outcome.map(|response| {
            if source.reports_failures { parse_batch_item_failures(&response) } else { Some(BTreeSet::new()) }
        });
        for message in messages {
            // A failed invocation or a malformed response counts as the failure of every message.
            let has_failed = match &failed {
                Ok(Some(failed)) => failed.contains(&message.id),
                _ => true,
            };
            match &queue.settings.redrive {
                _ if !has_failed => {}
                Some((max_receive_count, dead_letters)) if message.receive_count >= *max_receive_count => {
                    queues.get(dead_letters).into_iter().for_each(|queue| queue.push(message.clone()));
                }
                _ => {
                    let queue = Arc::clone(queue);
                    hidden.spawn(async move {
                        sleep(queue.settings.visibility_timeout).await;
                        queue.push(message);
                    });
                }
            }
        }
        while hidden.try_join_next().is_some() {}
    }
}

impl Queue {
    pub(crate) fn new(settings: &template::Queue) -> Self {
        Self { settings: settings.clone(), visible: Mutex::default(), arrived: Notify::new() }
    }

    /// Adds a message with this body.
    pub(crate) fn send(&self, body: String) {
        self.push(Message { id: Uuid::new_v4().to_string(), body, receive_count: 0 });
    }

    /// Returns the bodies of the visible messages.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.lock().iter().map(|message| message.body.clone()).collect()
    }

    fn push(&self, message: Message) {
        self.lock().push_back(message);
        self.arrived.notify_one();
    }

    /// Waits for messages, and removes and returns up to `limit` of them.
    async fn receive(&self, limit: usize) -> Vec<Message> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut visible = self.lock();
                let count = limit.min(visible.len());
                if count > 0 {
                    let received = visible.drain(..count);
                    return received
                        .map(|message| Message { receive_count: message.receive_count + 1, ..message })
                        .collect();
                }
            }
            arrived.await;
        }
    }

    fn record(&self, message: &Message) -> Value {
        json!({
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": message.receive_count.to_string()},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.settings.name),
            "awsRegion": REGION,
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.visible.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Parses the ids in `batchItemFailures`. Returns `None` if the response is malformed.
fn parse_batch_item_failures(response: &[u8]) -> Option<BTreeSet<String>> {
    let response: Value = serde_json::from_slice(response).ok()?;
    let Some(failures) = response.get("batchItemFailures").filter(|failures| !failures.is_null()) else {
        return Some(BTreeSet::new());
    };
    failures.as_array()?.iter().map(|failure| Some(failure.get("itemIdentifier")?.as_str()?.to_owned())).collect()
}
