//! One call of the model for all requests that ask the same question at the same time.

use std::time::{Duration, Instant};

use cache::{FillLock, FillPermit, Key};
use futures_util::future::join;
use tokio::time::sleep;

use super::{ModelReply, Question};
use crate::authenticated::CachedValue;
use crate::store::Store;

/// The time after which the lock of an environment that died expires. It is longer than the model
/// may take.
const LOCK_TTL: Duration = Duration::from_secs(21);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The role of a request in a call of the model that several requests share.
pub enum SingleFlight {
    /// The request calls the model, and publishes the reply to the requests that wait.
    Leader(Leader),
    /// Another request has called the model.
    Completed(ModelReply),
}

/// The right to call the model for all requests that ask the same question.
pub struct Leader {
    /// The permit to cache the reply. It is valid only under the generation that was live before
    /// the profile and the conversation were read.
    permit: Option<FillPermit>,
    lock: Option<FillLock>,
}

impl SingleFlight {
    /// Becomes the leader, or waits for the current leader's result until about `deadline`.
    ///
    /// A request that has waited in vain becomes a leader that caches nothing.
    pub async fn join(store: &Store, question: &mut Question, deadline: Instant) -> Self {
        let Some((key, permit)) = question.permit.take() else {
            return Self::Leader(Leader { permit: None, lock: None });
        };
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(flight) = Self::try_join(store, &key, &permit).await {
                return match flight {
                    Joined::Completed(reply) => Self::Completed(reply),
                    Joined::Leader { lock, alive } => Self::Leader(Leader { permit: alive.then_some(permit), lock }),
                };
            }
            if Instant::now() + pause >= deadline {
                return Self::Leader(Leader { permit: None, lock: None });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Returns the reply if it is cached by now, or else locks the call. Returns `None` while
    /// another request has the lock.
    async fn try_join(store: &Store, key: &Key, permit: &FillPermit) -> Option<Joined> {
        let (lock, [lookup]) = join(store.cache.fill_lock(key, LOCK_TTL), store.cache.read([key])).await;
        let CachedValue { value, permit: now, .. } =
            CachedValue::new(store, key, lookup, |bytes| ModelReply::from_bytes(&bytes));
        match (value, now) {
            (Some(reply), _) => {
                lock.into_iter().for_each(|lock| store.cache.unlock(lock));
                Some(Joined::Completed(reply))
            }
            (None, Some(now)) => {
                lock.map(|lock| Joined::Leader { lock: Some(lock), alive: now.has_generation_of(permit) })
            }
            // The profile is being changed, Redis is unavailable, or the record cannot be parsed:
            // there is nothing to wait for.
            (None, None) => Some(Joined::Leader { lock, alive: false }),
        }
    }
}

enum Joined {
    Leader { lock: Option<FillLock>, alive: bool },
    Completed(ModelReply),
}

impl Leader {
    /// Caches the reply if it may be cached, and releases the lock. The requests that wait get the
    /// reply, or stop waiting.
    pub async fn publish(self, store: &Store, reply: Option<&ModelReply>) {
        if let (Some(permit), Some(body)) = (&self.permit, reply.and_then(|reply| serde_json::to_vec(reply).ok())) {
            store.cache.fill_now(permit, &body).await;
        }
        self.lock.into_iter().for_each(|lock| store.cache.unlock(lock));
    }
}
