//! One call of the model for whoever asks the same at the same moment.

use std::time::{Duration, Instant};

use cache::{FillLock, FillPermit, Key};
use futures_util::future::join;
use tokio::time::sleep;

use super::{ModelReply, Question};
use crate::authenticated::CachedValue;
use crate::store::Store;

/// A lock of an environment that died lapses after this long: longer than a model may take.
const CLAIM: Duration = Duration::from_secs(21);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Who calls the model.
pub enum SingleFlight {
    /// The caller does, and tells the others.
    Leader(Leader),
    /// Somebody else did.
    Completed(ModelReply),
}

/// The call of the model, for all who ask the same.
pub struct Leader {
    /// Where the answer may be kept: under the generation that lived before the profile and the conversation were read, and no other.
    permit: Option<FillPermit>,
    lock: Option<FillLock>,
}

impl SingleFlight {
    /// Leads, or waits for whoever does, who has an answer, or none, at about the time of this deadline at the latest.
    pub async fn join(store: &Store, question: &mut Question, deadline: Instant) -> Self {
        let Some((key, permit)) = question.permit.take() else {
            return Self::Leader(Leader { permit: None, lock: None });
        };
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(flight) = Self::try_join(store, &key, &permit).await {
                return match flight {
                    Joined::Completed(spoken) => Self::Completed(spoken),
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

    /// Looks whether the answer has come, and locks the call if not. `None` while somebody else has it.
    async fn try_join(store: &Store, key: &Key, permit: &FillPermit) -> Option<Joined> {
        let (lock, [lookup]) = join(store.cache.fill_lock(key, CLAIM), store.cache.read([key])).await;
        let CachedValue { value, permit: now, .. } =
            CachedValue::new(store, key, lookup, |bytes| ModelReply::from_bytes(&bytes));
        match (value, now) {
            (Some(spoken), _) => {
                lock.into_iter().for_each(|lock| store.cache.unlock(lock));
                Some(Joined::Completed(spoken))
            }
            (None, Some(now)) => {
                lock.map(|lock| Joined::Leader { lock: Some(lock), alive: now.has_generation_of(permit) })
            }
            // The profile is being changed, or Redis is away, or what is there cannot be read: there is nothing to wait for.
            (None, None) => Some(Joined::Leader { lock, alive: false }),
        }
    }
}

enum Joined {
    Leader { lock: Option<FillLock>, alive: bool },
    Completed(ModelReply),
}

impl Leader {
    /// Tells whoever waits what was answered, if it may be kept, and otherwise that there is nothing to wait for.
    pub async fn publish(self, store: &Store, spoken: Option<&ModelReply>) {
        if let (Some(permit), Some(body)) = (&self.permit, spoken.and_then(|spoken| serde_json::to_vec(spoken).ok())) {
            store.cache.fill_now(permit, &body).await;
        }
        self.lock.into_iter().for_each(|lock| store.cache.unlock(lock));
    }
}
