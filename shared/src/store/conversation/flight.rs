//! One call of the model for whoever asks the same at the same moment.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Question, Spoken};
use crate::cache::{Claim, Key, Lookup, Slot};
use crate::state::State;

/// A claim of an environment that died lapses after this long: longer than a model may take.
const CLAIM: Duration = Duration::from_secs(30);
/// How long somebody waits for another's answer, before they ask the model themselves in the time that is left.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Who calls the model.
pub enum Flight {
    /// The caller does, and tells the others.
    Lead(Lead),
    /// Somebody else did.
    Landed(Spoken),
}

/// The right to call the model for all who ask the same, where the answer may be kept.
pub struct Lead {
    kept: Option<(Slot, Claim)>,
}

impl Flight {
    /// Leads, or waits for whoever does.
    pub async fn join(state: &State, question: &mut Question) -> Self {
        let Some((key, slot)) = question.slot.take() else { return Self::Lead(Lead { kept: None }) };
        if let Some(claim) = state.cache.claim(&key, CLAIM).await {
            return Self::Lead(Lead { kept: Some((slot, claim)) });
        }
        Self::follow(state, &key).await
    }

    async fn follow(state: &State, key: &Key) -> Self {
        let until = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < until {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let [lookup] = state.cache.read([key]).await;
            match lookup {
                Lookup::Hit(bytes) => {
                    if let Ok(spoken) = serde_json::from_slice(&bytes) {
                        return Self::Landed(spoken);
                    }
                }
                // Whoever had the claim has given it up, without an answer that may be kept.
                Lookup::Miss(slot) => {
                    if let Some(claim) = state.cache.claim(key, CLAIM).await {
                        return Self::Lead(Lead { kept: Some((slot, claim)) });
                    }
                }
                Lookup::Bypass => break,
            }
        }
        Self::Lead(Lead { kept: None })
    }
}

impl Lead {
    /// Tells whoever waits what was answered, if it may be kept, and otherwise that there is nothing to wait for.
    pub async fn land(self, state: &State, spoken: Option<&Spoken>) {
        let Some((slot, claim)) = self.kept else { return };
        if let Some(body) = spoken.and_then(|spoken| serde_json::to_vec(spoken).ok()) {
            state.cache.fill_now(&slot, &body).await;
        }
        state.cache.release(claim);
    }
}
