//! The crate `shared` in this process: what an environment does, without HTTP and without processes.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use api_tests::TestApp;
use rand::RngExt as _;
use serde_json::{Value, json};
use shared::config::Config;
use shared::fields::Fields;
use shared::store::{
    self, EntryChange, EntryId, IdempotencyKey, Listing, Precondition, ProfileChange, RevocationScope, Token,
};
use shared::{Error, State};
use tokio::time::timeout;

use super::{Arm, Failure, api};
use crate::checker::Answer;
use crate::session;
use crate::subject::{Document, Subject};

/// How many environments there are.
const ENVIRONMENTS: usize = 8;
/// One write in so many is dropped in the middle, as when its environment dies.
const ABANDONED: u32 = 50;
/// A write takes about as long.
const LIFE_OF_A_WRITE: Duration = Duration::from_millis(5);

/// Reads and writes with the functions that the handlers call.
pub struct Library {
    environments: Vec<State>,
    listing: Listing,
    database_url: String,
    next: AtomicUsize,
}

impl Library {
    /// Environments that reach the servers as the functions do.
    ///
    /// # Errors
    /// The URLs are not what they should be.
    pub fn new(kai: &TestApp) -> Result<Self> {
        let environment = |_| environment(kai.configured_urls());
        Ok(Self {
            environments: (0..ENVIRONMENTS).map(environment).collect::<Result<_>>()?,
            listing: Listing::read(Fields::default()).context("a listing")?.0,
            database_url: kai.database_url().to_owned(),
            next: AtomicUsize::new(0),
        })
    }

    /// The environment whose turn it is, as a request sees it.
    fn environment(&self) -> Result<State, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.environments.len().max(1);
        self.environments.get(number).map(State::for_request).ok_or(Failure::Unavailable)
    }
}

impl Arm for Library {
    const NAME: &'static str = "library";
    const HAS_SESSIONS: bool = true;

    async fn read(&self, subject: &Subject, token: &str, document: Document) -> Result<Answer, Failure> {
        let (state, token) = (self.environment()?, parse(token)?);
        let read = match document {
            Document::Profile => store::profile(&state, &token).await,
            Document::Journal => store::list_entries(&state, &token, &self.listing).await,
        };
        let (body, _) = read.map_err(failure)?.into_body(false);
        // The session's record and the document's.
        Ok(Answer { versions: api::versions(subject, document, &body)?, hit: state.meter.cache_hits() == 2 })
    }

    async fn write(&self, subject: &Subject, document: Document, number: usize, version: u64) -> Result<(), Failure> {
        let (state, token) = (self.environment()?, parse(&subject.token)?);
        let write = write(&state, &token, subject, document, number, version);
        if rand::rng().random_ratio(1, ABANDONED) {
            let life = LIFE_OF_A_WRITE.mul_f64(rand::rng().random());
            return timeout(life, write).await.unwrap_or(Err(Failure::Unavailable));
        }
        write.await
    }

    async fn sign_in(&self, subject: &Subject) -> Result<String, Failure> {
        session::open(&self.database_url, subject.id).await
    }

    async fn sign_out(&self, token: &str) -> Result<(), Failure> {
        let (state, text, token) = (self.environment()?, token, parse(token)?);
        let key = IdempotencyKey::new(&state, "auth-logout", text, &[]).bound_to(&state, &token);
        store::revoke_sessions(&state, &token, RevocationScope::This, Some(&key)).await.map_err(failure)
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").finish_non_exhaustive()
    }
}

async fn write(
    state: &State,
    token: &Token,
    subject: &Subject,
    document: Document,
    number: usize,
    version: u64,
) -> Result<(), Failure> {
    let key = format!("{}-{version}", subject.register_name(document, number));
    let user = token.user_id();
    let done = match (document, subject.entries.get(number)) {
        (Document::Journal, Some(entry)) => {
            let key = IdempotencyKey::new(state, "journal-update", &key, &[]);
            let (change, _) = EntryChange::read(fields(&json!({"content": version.to_string()}))?).map_err(failure)?;
            let guard = store::begin_journal_write(state, user).await.map_err(failure)?;
            let (entry, anyhow) = (EntryId(*entry), Precondition::None);
            store::update_entry(state, guard, token, entry, &change, anyhow, Some(&key)).await.map(drop)
        }
        _ => {
            let key = IdempotencyKey::new(state, "profile-update", &key, &[]);
            let change = match number {
                0 => json!({"communication_style": version.to_string()}),
                _ => json!({"preferences": {"version": version}}),
            };
            let change = ProfileChange::read(fields(&change)?).map_err(failure)?;
            let guard = store::begin_profile_write(state, user).await.map_err(failure)?;
            store::update_profile(state, guard, token, &change, Some(&key)).await.map(drop)
        }
    };
    done.map_err(failure)
}

fn environment([database_url, redis_url]: [&str; 2]) -> Result<State> {
    let config = Config::from_lookup(|name| {
        Some(match name {
            "DATABASE_URL" => database_url.to_owned(),
            "REDIS_URL" => redis_url.to_owned(),
            "CACHE_KEY" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
            _ => return None,
        })
    });
    Ok(State::try_from(config?)?)
}

fn parse(token: &str) -> Result<Token, Failure> {
    Token::parse(token).ok_or(Failure::SignedOut)
}

fn fields(change: &Value) -> Result<Fields, Failure> {
    Fields::from_json(change.to_string().as_bytes()).map_err(failure)
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Unavailable { .. } => Failure::Unavailable,
        Error::Unauthenticated(_) => Failure::SignedOut,
        other => Failure::Unexpected(other.to_string()),
    }
}
