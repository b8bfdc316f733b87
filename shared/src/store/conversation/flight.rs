//! One call of the model for whoever asks the same at the same moment.

use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio::time::sleep;

use super::{Question, Spoken};
use crate::cache::{Claim, Key, Slot};
use crate::state::State;
use crate::store::recall::Recalled;

/// A claim of an environment that died lapses after this long: longer than a model may take.
const CLAIM: Duration = Duration::from_secs(21);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Who calls the model.
pub enum Flight {
    /// The caller does, and tells the others.
    Lead(Lead),
    /// Somebody else did.
    Landed(Spoken),
}

/// The call of the model, for all who ask the same.
pub struct Lead {
    /// Where the answer may be kept: under the generation that lived before the profile and the conversation were read, and no other.
    slot: Option<Slot>,
    claim: Option<Claim>,
}

impl Flight {
    /// Leads, or waits for whoever does, who has an answer, or none, at about the time of this deadline at the latest.
    pub async fn join(state: &State, question: &mut Question, deadline: Instant) -> Self {
        let Some((key, slot)) = question.slot.take() else { return Self::Lead(Lead { slot: None, claim: None }) };
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(flight) = Self::board(state, &key, &slot).await {
                return match flight {
                    Boarded::Landed(spoken) => Self::Landed(spoken),
                    Boarded::Lead { claim, alive } => Self::Lead(Lead { slot: alive.then_some(slot), claim }),
                };
            }
            if Instant::now() + pause >= deadline {
                return Self::Lead(Lead { slot: None, claim: None });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks whether the answer has come, and claims the call if not. `None` while somebody else has it.
    async fn board(state: &State, key: &Key, slot: &Slot) -> Option<Boarded> {
        let (claim, [lookup]) = join(state.cache.claim(key, CLAIM), state.cache.read([key])).await;
        let Recalled { value, slot: now, .. } = Recalled::new(state, key, lookup, |bytes| Spoken::from_bytes(&bytes));
        match (value, now) {
            (Some(spoken), _) => {
                claim.into_iter().for_each(|claim| state.cache.release(claim));
                Some(Boarded::Landed(spoken))
            }
            (None, Some(now)) => {
                claim.map(|claim| Boarded::Lead { claim: Some(claim), alive: now.is_of_generation_of(slot) })
            }
            // The profile is being changed, or Redis is away, or what is there cannot be read: there is nothing to wait for.
            (None, None) => Some(Boarded::Lead { claim, alive: false }),
        }
    }
}

enum Boarded {
    Lead { claim: Option<Claim>, alive: bool },
    Landed(Spoken),
}

impl Lead {
    /// Tells whoever waits what was answered, if it may be kept, and otherwise that there is nothing to wait for.
    pub async fn land(self, state: &State, spoken: Option<&Spoken>) {
        if let (Some(slot), Some(body)) = (&self.slot, spoken.and_then(|spoken| serde_json::to_vec(spoken).ok())) {
            state.cache.fill_now(slot, &body).await;
        }
        self.claim.into_iter().for_each(|claim| state.cache.release(claim));
    }
}
