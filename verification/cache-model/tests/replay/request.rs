//! The work of each actor: the functions that the handlers call.

use serde_json::{Value, json};
use shared::fields::Fields;
use shared::metrics::CacheOutcome;
use shared::store::{self, IdempotencyKey, ProfileChange, Token};
use shared::{Result, State};

use crate::scheduler::Outcome;

pub(crate) async fn read(state: State, token: Token) -> Outcome {
    match store::profile(&state, &token).await {
        Ok(document) => {
            let profile: Value = serde_json::from_slice(&document.into_body(false).0).unwrap();
            let version = profile["communication_style"].as_str().unwrap().parse().unwrap();
            Outcome::Read { version, fills: state.meter.outcome() == Some(CacheOutcome::Miss) }
        }
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Writes the version of a writer, under an `Idempotency-Key` of that writer.
pub(crate) async fn write(state: State, token: Token, writer: usize, version: u32) -> Outcome {
    let body = json!({"communication_style": version.to_string()}).to_string();
    let change = ProfileChange::read(Fields::from_json(body.as_bytes()).unwrap()).unwrap();
    let key = IdempotencyKey::new(&state, "profile-update", &format!("writer-{writer}"), &[]);
    let written: Result<()> = async {
        let guard = store::begin_profile_write(&state, token.user_id()).await?;
        store::update_profile(&state, guard, &token, &change, Some(&key)).await.map(drop)
    }
    .await;
    written.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Written)
}

pub(crate) async fn drain(state: State) -> Outcome {
    store::drain_outbox(&state).await.map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Drained)
}

/// Reads until the session is cached. No gate holds these commands back.
pub(crate) async fn cache_session(state: State, token: Token) {
    loop {
        let request = state.for_request();
        store::current_session(&request, &token).await.unwrap();
        if request.meter.cache_hits() == 1 {
            return;
        }
    }
}
