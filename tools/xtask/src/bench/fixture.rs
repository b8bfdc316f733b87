//! What the contestants run against: servers of our own, and accounts with journals of three sizes.

pub(crate) mod journal;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::{Postgres, PostgresOptions, Redis, RedisOptions};
use emulator::{SingleEnvironment, SingleEnvironmentOptions};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};

use super::answer::Answer;
use super::build::Binaries;
use super::event::Event;
use crate::schema::Schema;
use crate::servers::Servers;
use crate::terminal::Step;
use crate::workspace::Workspace;

pub(crate) use journal::Text;
use journal::texts;

/// A fill is given up by then; see `shared::cache`.
pub(crate) const FILLED_AFTER: Duration = Duration::from_millis(20);
/// A page of the history.
const MESSAGES: i32 = 50;
const DATABASE: &str = "bench";
const PASSWORD: &str = "a-quiet-morning-walk";

/// The servers and the accounts.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) servers: Servers,
    /// `DATABASE_URL`, `REDIS_URL` and so on.
    pub(crate) variables: BTreeMap<String, String>,
    /// With 100, 10,000 and 1,000,000 entries.
    pub(crate) readers: [Account; 3],
    /// Writes, and signs in again and again.
    pub(crate) writer: Account,
    /// What the entries say.
    pub(crate) texts: Vec<Text>,
    /// The versions of the servers, for the record.
    pub(crate) versions: String,
}

/// An account with an open session.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) user: String,
    pub(crate) token: String,
    /// The digest under which the session is cached.
    pub(crate) token_hash: String,
}

impl Fixture {
    /// Starts the servers, and makes what is not there from the last time. Postgres keeps its data and syncs every commit to the disk;
    /// Redis keeps nothing, so that no snapshot gets in the way.
    ///
    /// # Errors
    /// A server does not start, or a function refuses what it should take.
    pub(crate) async fn prepare(workspace: &Workspace, binaries: &Binaries) -> Result<Self> {
        let state = workspace.state("bench");
        let step = Step::begin("starting Postgres and Redis");
        let postgres = Postgres::start(&state.join("postgres"), &PostgresOptions::default())?;
        let redis = Redis::start(&state.join("redis"), &RedisOptions::default())?;
        let servers = Servers { redis, postgres };
        let url = migrated(workspace, &servers.postgres).await?;
        step.done("Postgres and Redis started, database migrated");

        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let variables: BTreeMap<String, String> =
            [("DATABASE_URL", url.clone()), ("REDIS_URL", servers.redis.url()), ("CACHE_KEY", STANDARD.encode(key))]
                .map(|(name, value)| (name.to_owned(), value))
                .into();

        let step = Step::begin("making the accounts");
        let options: PgConnectOptions = url.parse()?;
        // The database bounds its statements to 5 s; filling a journal takes longer.
        let mut database = options.options([("statement_timeout", "0")]).connect().await?;
        let texts = texts();
        let mut make = async |name: &str, entries: i64| -> Result<Account> {
            let account = sign_in(&mut database, binaries, &variables, name).await?;
            journal::fill(&mut database, &account.user, entries, &texts).await?;
            Ok(account)
        };
        let readers =
            [make("hundred", 100).await?, make("ten-thousand", 10_000).await?, make("million", 1_000_000).await?];
        let writer = make("writer", 0).await?;
        journal::converse(&mut database, &writer.user, MESSAGES).await?;
        journal::settle(&mut database).await?;
        let versions = versions(&mut database, &servers.redis.url()).await?;
        let fixture = Self { servers, variables, readers, writer, texts, versions };
        for account in &fixture.readers {
            fixture.describe(binaries, account)?;
        }
        step.done("4 accounts signed in, with 100, 10,000, 1,000,000 and no entries");
        Ok(fixture)
    }

    /// Gives an account a profile as one has it after some weeks.
    fn describe(&self, binaries: &Binaries, account: &Account) -> Result<()> {
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
            user: Some(&account.user),
            token: Some(&account.token),
            body: Some(body),
            ..Event::default()
        };
        self.ask(binaries, "profile-update", &event).map(drop)
    }

    /// Asks a function once, in an environment of its own, and insists on a 2xx.
    ///
    /// # Errors
    /// The function fails, or answers something else.
    pub(crate) fn ask(&self, binaries: &Binaries, function: &str, event: &Event<'_>) -> Result<Answer> {
        let answer = ask(binaries, &self.variables, function, event)?;
        match answer.status_code {
            200..300 => Ok(answer),
            status => bail!("{function} answered {status}: {}", answer.json().unwrap_or_default()),
        }
    }
}

/// The URL of the database with the schema as the files say it. What was made under other files is made anew: it is nobody's data.
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

fn ask(binaries: &Binaries, variables: &BTreeMap<String, String>, function: &str, event: &Event<'_>) -> Result<Answer> {
    let mut environment =
        SingleEnvironment::spawn(binaries.get(function)?, variables, SingleEnvironmentOptions::default())?;
    let (response, _) = environment.invoke(&event.payload())?;
    // What it fills into the cache is still on its way.
    std::thread::sleep(FILLED_AFTER);
    Answer::parse(&response)
}

/// Registers the account, unless it is there from the last time, and opens a session.
async fn sign_in(
    database: &mut PgConnection,
    binaries: &Binaries,
    variables: &BTreeMap<String, String>,
    name: &str,
) -> Result<Account> {
    let email = format!("{name}@bench.example");
    let call = |function, route| {
        let event = Event { route, body: Some(credentials(&email)), ..Event::default() };
        ask(binaries, variables, function, &event)
    };
    match call("auth-register", "POST /api/auth/register")?.status_code {
        201 | 409 => {}
        status => bail!("auth-register answered {status}"),
    }
    let login = call("auth-login", "POST /api/auth/login")?.json()?;
    let token = login.get("access_token").and_then(Value::as_str).context("auth-login gave no token")?.to_owned();
    let newest = "SELECT u.id::text AS id, encode(s.token_hash, 'hex') AS hash FROM users u JOIN sessions s ON s.user_id = u.id \
        WHERE u.email = $1 ORDER BY s.created_at DESC LIMIT 1";
    let row = sqlx::query(newest).bind(&email).fetch_one(database).await?;
    Ok(Account { user: row.try_get("id")?, token, token_hash: row.try_get("hash")?, email })
}

/// The body of a log-in.
pub(crate) fn credentials(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD })
}

/// The versions of both servers.
///
/// # Errors
/// One does not answer.
pub(crate) async fn versions(database: &mut PgConnection, redis_url: &str) -> Result<String> {
    let postgres: String = sqlx::query("SHOW server_version").fetch_one(database).await?.try_get(0)?;
    let mut redis = redis::Client::open(redis_url)?.get_connection()?;
    let info: String = redis::cmd("INFO").arg("server").query(&mut redis)?;
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("?");
    Ok(format!("Postgres {}, Redis {version}", postgres.split(' ').next().unwrap_or("?")))
}
