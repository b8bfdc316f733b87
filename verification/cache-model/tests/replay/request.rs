//! The work of each actor. It calls the same functions as the handlers.

use serde_json::{Value, json};
use shared::domain::validation::FieldReader;
use shared::domain::{IdempotencyKey, ProfilePatch, Token};
use shared::metrics::CacheOutcome;
use shared::{AppState, Result};

use crate::scheduler::Outcome;

pub(crate) async fn read(state: AppState, token: Token) -> Outcome {
    match state.store.profiles().get(&token).await {
        Ok(document) => {
            let profile: Value = serde_json::from_slice(&document.into_body(false).0).unwrap();
            let version = profile["communication_style"].as_str().unwrap().parse().unwrap();
            Outcome::Read { version, fills: state.metrics().outcome() == Some(CacheOutcome::Miss) }
        }
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Writes the version of a writer, with an `Idempotency-Key` that belongs to that writer.
pub(crate) async fn write(state: AppState, token: Token, writer: usize, version: u32) -> Outcome {
    let body = json!({"communication_style": version.to_string()}).to_string();
    let change: ProfilePatch = FieldReader::from_json(body.as_bytes()).unwrap().parse().unwrap();
    let key = IdempotencyKey::new(&state.store, "profile-update", &format!("writer-{writer}"), &[]);
    let written: Result<()> = state.store.profiles().update(&token, &change, Some(&key)).await.map(drop);
    written.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Written)
}

pub(crate) async fn drain(state: AppState) -> Outcome {
    state.store.outbox().drain().await.map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Drained)
}

/// Reads until the session is cached. No gate delays these commands.
pub(crate) async fn cache_session(state: AppState, token: Token) {
    loop {
        let request = state.for_request();
        request.store.sessions().current(&token).await.unwrap();
        if request.metrics().cache_hits() == 1 {
            return;
        }
    }
}
