//! The crate `shared` in this process. It does the work of an environment, without HTTP and without
//! separate processes.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use api_tests::TestApp;
use rand::RngExt as _;
use serde_json::Value;
use shared::config::Config;
use shared::domain::validation::FieldReader;
use shared::domain::{EntryId, EntryPatch, IdempotencyKey, ListQuery, ProfilePatch, RevocationScope, Token};
use shared::{AppState, Error};
use tokio::time::timeout;

use super::{Failure, ReadResponse, Target, body, session};
use crate::user::{Resource, User};

/// The number of environments.
const ENVIRONMENTS: usize = 8;
/// One write in this many is cancelled before it ends, as if its environment had crashed.
const CANCELLED_RATIO: u32 = 50;
/// The approximate duration of a write, within which it is cancelled.
const WRITE_DURATION: Duration = Duration::from_millis(5);

/// Reads and writes with the functions that the handlers call.
pub struct Library {
    environments: Vec<AppState>,
    listing: ListQuery,
    database_url: String,
    next: AtomicUsize,
}

impl Library {
    /// Creates environments that reach the servers in the same way as the functions.
    ///
    /// # Errors
    /// A URL is invalid.
    pub fn new(kai: &TestApp) -> Result<Self> {
        let environment = |_| environment(kai.configured_urls());
        Ok(Self {
            environments: (0..ENVIRONMENTS).map(environment).collect::<Result<_>>()?,
            listing: FieldReader::default().parse().context("cannot create the query of the journal list")?,
            database_url: kai.database_url().to_owned(),
            next: AtomicUsize::new(0),
        })
    }

    /// Returns the state of the next environment in turn, for a new request.
    fn environment(&self) -> Result<AppState, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.environments.len().max(1);
        self.environments.get(number).map(AppState::for_request).ok_or(Failure::Unavailable)
    }
}

impl Target for Library {
    const NAME: &'static str = "library";
    const HAS_SESSIONS: bool = true;

    async fn read(&self, user: &User, token: &str, resource: Resource) -> Result<ReadResponse, Failure> {
        let (state, token) = (self.environment()?, parse_token(token)?);
        let read = match resource {
            Resource::Profile => state.store.profiles().get(&token).await,
            Resource::Journal => state.store.journal().list(&token, &self.listing).await,
        };
        let (bytes, _) = read.map_err(failure)?.into_body(false);
        // A hit needs two records: the session and the resource.
        Ok(ReadResponse {
            versions: body::parse_versions(user, resource, &bytes)?,
            hit: state.metrics().cache_hits() == 2,
        })
    }

    async fn write(&self, user: &User, resource: Resource, number: usize, version: u64) -> Result<(), Failure> {
        let (state, token) = (self.environment()?, parse_token(&user.token)?);
        let write = write(&state, &token, user, resource, number, version);
        if rand::rng().random_ratio(1, CANCELLED_RATIO) {
            let cut_off = WRITE_DURATION.mul_f64(rand::rng().random());
            return timeout(cut_off, write).await.unwrap_or(Err(Failure::Unavailable));
        }
        write.await
    }

    async fn sign_in(&self, user: &User) -> Result<String, Failure> {
        session::open(&self.database_url, user.id).await
    }

    async fn sign_out(&self, token: &str) -> Result<(), Failure> {
        let (state, text, token) = (self.environment()?, token, parse_token(token)?);
        let key = IdempotencyKey::new(&state.store, "auth-logout", text, &[]).bound_to(&state.store, &token);
        state.store.sessions().revoke(&token, RevocationScope::This, Some(&key)).await.map_err(failure)
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").finish_non_exhaustive()
    }
}

async fn write(
    state: &AppState,
    token: &Token,
    user: &User,
    resource: Resource,
    number: usize,
    version: u64,
) -> Result<(), Failure> {
    let key = format!("{}-{version}", user.register_name(resource, number));
    let body = body::patch(resource, number, version);
    let done = match (resource, user.entries.get(number)) {
        (Resource::Journal, Some(entry)) => {
            let key = IdempotencyKey::new(&state.store, "journal-update", &key, &[]);
            let change: EntryPatch = fields(&body)?.parse().map_err(failure)?;
            let entry = EntryId(*entry);
            state.store.journal().update(token, entry, &change, None, Some(&key)).await.map(drop)
        }
        _ => {
            let key = IdempotencyKey::new(&state.store, "profile-update", &key, &[]);
            let change: ProfilePatch = fields(&body)?.parse().map_err(failure)?;
            state.store.profiles().update(token, &change, Some(&key)).await.map(drop)
        }
    };
    done.map_err(failure)
}

fn environment([database_url, redis_url]: [&str; 2]) -> Result<AppState> {
    let config = Config::from_lookup(|name| {
        Some(match name {
            "DATABASE_URL" => database_url.to_owned(),
            "REDIS_URL" => redis_url.to_owned(),
            "CACHE_KEY" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
            _ => return None,
        })
    });
    Ok(AppState::try_from(config?)?)
}

fn parse_token(token: &str) -> Result<Token, Failure> {
    Token::parse(token).ok_or(Failure::SignedOut)
}

fn fields(body: &Value) -> Result<FieldReader, Failure> {
    FieldReader::from_json(body.to_string().as_bytes()).map_err(failure)
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Unavailable { .. } => Failure::Unavailable,
        Error::Unauthenticated(_) => Failure::SignedOut,
        other => Failure::Unexpected(other.to_string()),
    }
}
