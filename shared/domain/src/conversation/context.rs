//! The context of a message: the profile and the latest messages.

use cache::{Key, Lookup};
use encoded_body::EncodedBody;
use llm::{Prompt, Turn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::HistoryPage;

use crate::authenticated::CachedValue;
use crate::profile::{self, Profile};
use crate::store::Store;
use crate::{ChatMessage, UserId};

/// The number of messages, the latest ones, that the model receives.
pub(super) const TURNS: i64 = 20;
/// The number of characters of each message that the model receives.
pub(super) const TURN_CHARACTERS: i32 = 2000;

/// The profile and the latest messages.
#[derive(Debug)]
pub(super) struct Context {
    traits: Value,
    preferences: Value,
    communication_style: Option<String>,
    history: Vec<Turn>,
}

/// The part of the conversation's newest page that the model receives.
#[derive(Debug, Deserialize)]
struct Newest {
    messages: Vec<Turn>,
}

impl Context {
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let Json(history) = row.try_get("history")?;
        Ok(Self {
            traits: row.try_get("traits")?,
            preferences: row.try_get("preferences")?,
            communication_style: row.try_get("communication_style")?,
            history,
        })
    }

    /// Returns the context from the cached profile and the cached newest page of the conversation,
    /// or `None` unless both are cached.
    ///
    /// A caller that will cache the reply must already have its permit, from a round trip that is
    /// complete. In one round trip, the commands reach the nodes of a cluster in any order. The
    /// context could then be older than the permit, and an outdated reply would be cached as
    /// current.
    pub(super) async fn look_up(store: &Store, user: UserId) -> Option<Self> {
        let keys = [HistoryPage::NEWEST.key(user), profile::key(user)];
        let [newest, profile] = &keys;
        let [said, style] = store.cache.read([newest, profile]).await;
        let said: Option<Newest> = parse(store, newest, said);
        let style: Option<Profile> = parse(store, profile, style);
        let (Newest { messages }, Profile { traits, preferences, communication_style, .. }) = (said?, style?);
        Some(Self { traits, preferences, communication_style, history: shortened(messages) })
    }

    /// Returns the prompt for the model.
    pub(super) fn prompt<'a>(&'a self, message: &'a ChatMessage) -> Prompt<'a> {
        Prompt {
            traits: &self.traits,
            preferences: &self.preferences,
            communication_style: self.communication_style.as_deref(),
            history: &self.history,
            message: message.text(),
        }
    }
}

fn parse<T: DeserializeOwned>(store: &Store, key: &Key, lookup: Lookup) -> Option<T> {
    CachedValue::new(store, key, lookup, |bytes| EncodedBody::from_bytes(bytes)?.parse()).counted(store, key).value
}

/// Cuts the messages to the number and the length that the statement returns.
fn shortened(mut messages: Vec<Turn>) -> Vec<Turn> {
    let [turns, characters] = [TURNS, TURN_CHARACTERS.into()].map(|count| usize::try_from(count).unwrap_or_default());
    messages.drain(..messages.len().saturating_sub(turns));
    for turn in &mut messages {
        if let Some((end, _)) = turn.content.char_indices().nth(characters) {
            turn.content.truncate(end);
        }
    }
    messages
}
