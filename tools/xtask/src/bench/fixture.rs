//! The servers that the cases run against, and accounts with journals of three sizes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use dev_servers::{Postgres, PostgresOptions};
use emulator::{SingleEnvironment, SingleEnvironmentOptions};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};

use super::build::Binaries;
use super::event::Event;
use super::response::Response;
use crate::accounts::credentials;
use crate::measurement::seed::{self, Text};
use crate::schema::Schema;
use crate::servers::{Servers, random_cache_key};
use crate::terminal::Step;
use crate::workspace::Workspace;

/// The longest time that a cache fill takes after a response. See `shared::cache`.
pub(crate) const FILL_TIMEOUT: Duration = Duration::from_millis(20);
/// The number of messages on a page of the history.
const MESSAGES: i32 = 50;
const DATABASE: &str = "bench";

/// The servers and the accounts.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) servers: Servers,
    /// The functions' environment variables: `DATABASE_URL`, `REDIS_URL` and so on.
    pub(crate) variables: BTreeMap<String, String>,
    /// Accounts with 100, 10,000 and 1,000,000 entries.
    pub(crate) readers: [Account; 3],
    /// The account that writes and signs in.
    pub(crate) writer: Account,
    /// The texts of the entries.
    pub(crate) texts: Vec<Text>,
    /// The versions of the servers, for the report.
    pub(crate) versions: String,
}

/// An account with an open session.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) user_id: String,
    pub(crate) token: String,
    /// The digest in the session's cache key.
    pub(crate) token_hash: String,
}

impl Fixture {
    /// Starts the servers, and creates the data that earlier runs have not created.
    ///
    /// # Errors
    /// A server does not start, or a function rejects a valid request.
    pub(crate) async fn prepare(workspace: &Workspace, binaries: &Binaries) -> Result<Self> {
        let step = Step::begin("starting Postgres and Redis");
        let servers = Servers::start_measured(workspace, "bench", &PostgresOptions::default())?;
        let url = migrated(workspace, &servers.postgres).await?;
        step.done("Postgres and Redis started, database migrated");

        let variables = servers.variables(&url, random_cache_key()?);

        let step = Step::begin("creating the accounts");
        let options: PgConnectOptions = url.parse()?;
        // The database limits statements to 5 s. Filling a journal takes longer.
        let mut database = options.options([("statement_timeout", "0")]).connect().await?;
        let texts = seed::texts();
        let mut create = async |name: &str, entries: i64| -> Result<Account> {
            let account = sign_in(&mut database, binaries, &variables, name).await?;
            seed::fill_journal(&mut database, &account.user_id, entries, &texts).await?;
            Ok(account)
        };
        let readers =
            [create("hundred", 100).await?, create("ten-thousand", 10_000).await?, create("million", 1_000_000).await?];
        let writer = create("writer", 0).await?;
        seed::fill_conversation(&mut database, &writer.user_id, MESSAGES).await?;
        seed::vacuum(&mut database).await?;
        let versions = servers.versions(&mut database).await?;
        let fixture = Self { servers, variables, readers, writer, texts, versions };
        for account in &fixture.readers {
            fixture.set_profile(binaries, account)?;
        }
        step.done("4 accounts signed in, with 100, 10,000, 1,000,000 and no entries");
        Ok(fixture)
    }

    /// Gives an account a profile of a realistic size.
    fn set_profile(&self, binaries: &Binaries, account: &Account) -> Result<()> {
        let body = json!({
            "communication_style": "gentle and direct, with few questions at once",
            "traits": {
                "openness": 0.72, "conscientiousness": 0.55, "extraversion": 0.31, "agreeableness": 0.8, "neuroticism": 0.62,
                "interests": ["walking", "jazz", "bread baking", "crosswords"],
                "strengths": ["keeps promises to others", "notices early when something is off"],
                "triggers": ["Sunday evenings", "unanswered messages", "performance reviews"],
            },
            "preferences": {
                "language": "en", "reminders": { "enabled": true, "time": "21:30", "days": ["mon", "wed", "sun"] },
                "topics_to_avoid": ["diets"], "check_in": "weekly", "goals": ["sleep before midnight", "one call a week with Jo"],
            },
        });
        let event = Event {
            route: "PATCH /api/users/{user_id}/profile",
            user_id: Some(&account.user_id),
            token: Some(&account.token),
            body: Some(body),
            ..Event::default()
        };
        self.invoke(binaries, "profile-update", &event).map(drop)
    }

    /// Invokes a function once, in a new environment.
    ///
    /// # Errors
    /// The function fails, or its status is not 2xx.
    pub(crate) fn invoke(&self, binaries: &Binaries, function: &str, event: &Event<'_>) -> Result<Response> {
        let response = invoke(binaries, &self.variables, function, event)?;
        match response.status_code {
            200..300 => Ok(response),
            status => bail!("{function} returned {status}: {}", response.json().unwrap_or_default()),
        }
    }
}

/// Migrates the database and returns its URL. A database with other migrations is dropped and
/// created again, because it contains only generated data.
async fn migrated(workspace: &Workspace, postgres: &Postgres) -> Result<String> {
    let url = postgres.url(DATABASE);
    postgres.create_database(DATABASE).await?;
    let mut schema = Schema::open(workspace, &url).await?;
    if schema.status().await?.iter().any(|migration| migration.differs || migration.name.is_none()) {
        drop(schema);
        postgres.drop_database(DATABASE).await?;
        postgres.create_database(DATABASE).await?;
        schema = Schema::open(workspace, &url).await?;
    }
    schema.up().await?;
    Ok(url)
}

fn invoke(
    binaries: &Binaries,
    variables: &BTreeMap<String, String>,
    function: &str,
    event: &Event<'_>,
) -> Result<Response> {
    let mut environment =
        SingleEnvironment::spawn(binaries.get(function)?, variables, SingleEnvironmentOptions::default())?;
    let (payload, _) = environment.invoke(&event.payload())?;
    // The function fills the cache after it has responded.
    std::thread::sleep(FILL_TIMEOUT);
    Response::parse(&payload)
}

/// Registers the account, unless it exists already, and opens a session.
async fn sign_in(
    database: &mut PgConnection,
    binaries: &Binaries,
    variables: &BTreeMap<String, String>,
    name: &str,
) -> Result<Account> {
    let email = format!("{name}@bench.example");
    let call = |function, route| {
        let event = Event { route, body: Some(credentials(&email)), ..Event::default() };
        invoke(binaries, variables, function, &event)
    };
    match call("auth-register", "POST /api/auth/register")?.status_code {
        201 | 409 => {}
        status => bail!("auth-register returned {status}"),
    }
    let login = call("auth-login", "POST /api/auth/login")?.json()?;
    let token = login.get("access_token").and_then(Value::as_str).context("auth-login returned no token")?.to_owned();
    let newest = "SELECT u.id::text AS id, encode(s.token_hash, 'hex') AS hash FROM users u JOIN sessions s ON s.user_id = u.id \
        WHERE u.email = $1 ORDER BY s.created_at DESC LIMIT 1";
    let row = sqlx::query(newest).bind(&email).fetch_one(database).await?;
    Ok(Account { user_id: row.try_get("id")?, token, token_hash: row.try_get("hash")?, email })
}
