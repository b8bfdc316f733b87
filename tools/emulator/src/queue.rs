//! Queues of SQS, as far as they stand between functions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::pool::Pool;
use crate::template::{ACCOUNT, Queue as Settings, QueueSource, REGION};

/// The queues of the template, by logical id.
pub(crate) type Queues = BTreeMap<String, Arc<Queue>>;

/// A queue.
pub(crate) struct Queue {
    settings: Settings,
    visible: Mutex<VecDeque<Message>>,
    arrived: Notify,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
    receives: u32,
}

impl Queue {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), visible: Mutex::default(), arrived: Notify::new() }
    }

    /// Adds a message.
    pub(crate) fn send(&self, body: String) {
        self.put(Message { id: uuid::Uuid::new_v4().to_string(), body, receives: 0 });
    }

    /// The bodies of the messages that nobody is working on.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.lock().iter().map(|message| message.body.clone()).collect()
    }

    fn put(&self, message: Message) {
        self.lock().push_back(message);
        self.arrived.notify_one();
    }

    /// Waits for messages and takes so many at most.
    async fn receive(&self, most: usize) -> Vec<Message> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut visible = self.lock();
                let count = most.min(visible.len());
                if count > 0 {
                    return visible.drain(..count).map(|it| Message { receives: it.receives + 1, ..it }).collect();
                }
            }
            arrived.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.visible.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a function the messages of a queue until the task is dropped.
pub(crate) async fn feed(source: QueueSource, pool: Arc<Pool>, queues: Arc<Queues>) {
    let Some(queue) = queues.get(&source.queue) else { return };
    // Messages that have failed, until they are visible again.
    let mut hidden = JoinSet::new();
    loop {
        let messages = queue.receive(source.batch_size).await;
        let records: Vec<_> = messages.iter().map(|message| queue.record(message)).collect();
        let outcome = pool.invoke(json!({"Records": records}).to_string().into(), None).await;
        let failed =
            outcome.map(|reply| if source.reports_failures { failures(&reply) } else { Some(BTreeSet::new()) });
        for message in messages {
            // An answer that cannot be read stands for the failure of all.
            let has_failed = match &failed {
                Ok(Some(failed)) => failed.contains(&message.id),
                _ => true,
            };
            match &queue.settings.redrive {
                _ if !has_failed => {}
                Some((most, target)) if message.receives >= *most => {
                    queues.get(target).into_iter().for_each(|target| target.put(message.clone()));
                }
                _ => {
                    let queue = Arc::clone(queue);
                    hidden.spawn(async move {
                        sleep(queue.settings.visibility_timeout).await;
                        queue.put(message);
                    });
                }
            }
        }
        while hidden.try_join_next().is_some() {}
    }
}

impl Queue {
    fn record(&self, message: &Message) -> Value {
        json!({
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": message.receives.to_string()},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.settings.name),
            "awsRegion": REGION,
        })
    }
}

/// The ids in `batchItemFailures`; none if the reply is not of that form.
fn failures(reply: &[u8]) -> Option<BTreeSet<String>> {
    let reply: Value = serde_json::from_slice(reply).ok()?;
    let Some(failures) = reply.get("batchItemFailures").filter(|failures| !failures.is_null()) else {
        return Some(BTreeSet::new());
    };
    failures.as_array()?.iter().map(|failure| Some(failure.get("itemIdentifier")?.as_str()?.to_owned())).collect()
}
