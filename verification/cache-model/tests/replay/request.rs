//! What each of them does: the functions that the handlers call.

use serde_json::{Value, json};
use shared::fields::Fields;
use shared::metrics::CacheOutcome;
use shared::store::{self, IdempotencyKey, ProfileChange, Token};
use shared::{Result, State};

use crate::board::Ending;

pub(crate) async fn read(state: State, token: Token) -> Ending {
    match store::profile(&state, &token).await {
        Ok(document) => {
            let profile: Value = serde_json::from_slice(&document.into_body(false).0).unwrap();
            let version = profile["communication_style"].as_str().unwrap().parse().unwrap();
            Ending::Read { version, fills: state.meter.outcome() == Some(CacheOutcome::Miss) }
        }
        Err(error) => Ending::Failed(error.to_string()),
    }
}

/// The same write each time for the same writer: its version, under a key of its own.
pub(crate) async fn write(state: State, token: Token, writer: usize, version: u32) -> Ending {
    let body = json!({"communication_style": version.to_string()}).to_string();
    let change = ProfileChange::read(Fields::from_json(body.as_bytes()).unwrap()).unwrap();
    let key = IdempotencyKey::new(&state, "profile-update", &format!("writer-{writer}"), &[]);
    let written: Result<()> = async {
        let guard = store::begin_profile_write(&state, token.user_id()).await?;
        store::update_profile(&state, guard, &token, &change, Some(&key)).await.map(drop)
    }
    .await;
    written.map_or_else(|error| Ending::Failed(error.to_string()), |()| Ending::Written)
}

pub(crate) async fn drain(state: State) -> Ending {
    store::drain_outbox(&state).await.map_or_else(|error| Ending::Failed(error.to_string()), |_| Ending::Drained)
}

/// Asks until the cache knows the session, which no gate holds up.
pub(crate) async fn sign_in(state: State, token: Token) {
    loop {
        let request = state.for_request();
        store::current_session(&request, &token).await.unwrap();
        if request.meter.cache_hits() == 1 {
            return;
        }
    }
}
