//! `cargo xtask fuzz-api`: schemathesis against the running API, by its own document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::Server;
use emulator::{Emulator, LogBuffer, Options, Template};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::process::Command;

use crate::python::Tool;
use crate::schema::Schema;
use crate::servers::{self, Servers};
use crate::stop::StopRequests;
use crate::terminal::Step;
use crate::workspace::Workspace;
use crate::{cargo, test};

const SCHEMATHESIS: Tool = Tool { package: "schemathesis", version: "4.32.5", program: "st" };
const DATABASE: &str = "kai_fuzz";
/// Somebody with a session for each example that ends one, and some more.
const PEOPLE: i32 = 30_000;

/// How much, and what else schemathesis is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Examples for each operation, of each phase that makes them up.
    #[arg(long, default_value_t = 200)]
    examples: u32,
    /// Further arguments for `schemathesis run`, such as `--include-operation-id journal-list`.
    #[arg(last = true)]
    schemathesis: Vec<String>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    servers::install(&[Server::Postgres, Server::Redis])?;
    let schemathesis = SCHEMATHESIS.ensure(workspace).await?;
    let servers = Servers::start_disposable(workspace, "fuzz")?;
    tokio::select! {
        code = fuzz(workspace, &servers, &schemathesis, arguments) => code,
        () = stop.next() => Ok(ExitCode::from(130)),
    }
}

async fn fuzz(
    workspace: &Workspace,
    servers: &Servers,
    schemathesis: &Path,
    arguments: &Arguments,
) -> Result<ExitCode> {
    servers.postgres.create_database(DATABASE).await?;
    let database_url = servers.postgres.url(DATABASE);
    Schema::open(workspace, &database_url).await?.up().await?;
    let logs = LogBuffer::default();
    let emulator = start(workspace, servers, &database_url, &logs).await?;
    let step = Step::begin("making people");
    let people = people(workspace, &emulator.url(), &database_url).await?;
    step.done(&format!("{PEOPLE} people signed in"));

    let mut command = Command::new(schemathesis);
    let config = workspace.path("tools/xtask/src/fuzz/schemathesis.toml");
    command.arg("--config-file").arg(config).arg("run").arg(format!("{}/openapi.json", emulator.url()));
    command.args(["--mode", "all", "--phases", "examples,coverage,fuzzing,stateful", "--workers", "2"]);
    command.args(["--max-examples", &arguments.examples.to_string(), "--continue-on-failure", "--no-color"]);
    command.args(["--suppress-health-check", "all"]).args(&arguments.schemathesis);
    command.current_dir(workspace.state("fuzz")).env("SCHEMATHESIS_HOOKS", "hooks");
    command.env("PYTHONPATH", workspace.path("tools/xtask/src/fuzz")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("KAI_FUZZ_PEOPLE", &people);
    let status = cargo::complete(&mut command).await?;
    emulator.shutdown().await;
    // What a defect has said of itself: the answer tells nothing.
    for line in logs.lines().iter().filter(|line| line.text.contains("internal error")).take(10) {
        println!("{}: {}", line.function, line.text);
    }
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

async fn start(workspace: &Workspace, servers: &Servers, database_url: &str, logs: &LogBuffer) -> Result<Emulator> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let variables: BTreeMap<String, String> = [
        ("DATABASE_URL", database_url.to_owned()),
        ("REDIS_URL", servers.redis.url()),
        ("CACHE_KEY", STANDARD.encode(key)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let options = Options {
        template: Template::read(workspace.path("template.yaml"))?,
        binaries: test::binaries(workspace, "fuzz", "dev", &workspace.functions()?).await?,
        variables,
        throttle: false,
        logs: logs.sink(),
        ..Options::default()
    };
    Ok(Emulator::start(options).await?)
}

/// Makes accounts with a session each, and writes down their ids and tokens. All have the password of one who registers.
async fn people(workspace: &Workspace, api: &str, database_url: &str) -> Result<PathBuf> {
    let url = format!("{api}/api/auth/register");
    let credentials = json!({"email": "first@fuzz.example", "password": "nine quiet herons"}).to_string();
    let register = move || ureq::post(&url).header("content-type", "application/json").send(credentials);
    tokio::task::spawn_blocking(register).await?.context("nobody can register")?;
    let options: PgConnectOptions = database_url.parse()?;
    let mut database: PgConnection = options.options([("statement_timeout", "0")]).connect().await?;
    let sql = "WITH people AS MATERIALIZED (
            SELECT gen_random_uuid() AS id, decode(md5(random()::text) || md5(random()::text), 'hex') AS secret FROM generate_series(1, $1)
        ), accounts AS (
            INSERT INTO users (id, email, password_hash) SELECT p.id, p.id || '@fuzz.example', f.password_hash
            FROM people p, users f WHERE f.email = 'first@fuzz.example'
        ), profiles AS (
            INSERT INTO user_profiles (id, user_id) SELECT gen_random_uuid(), id FROM people
        ), opened AS (
            INSERT INTO sessions (id, user_id, token_hash, expires_at)
            SELECT gen_random_uuid(), id, sha256(uuid_send(id) || secret), now() + interval '1 day' FROM people
        )
        SELECT id::text AS id, translate(encode(uuid_send(id) || secret, 'base64'), E'+/\\n', '-_') AS token FROM people";
    let rows = sqlx::query(sql).bind(PEOPLE).fetch_all(&mut database).await?;
    let person = |row: &sqlx::postgres::PgRow| -> Result<Value> {
        Ok(json!({"id": row.try_get::<String, _>("id")?, "token": row.try_get::<String, _>("token")?}))
    };
    let people = rows.iter().map(person).collect::<Result<Vec<_>>>()?;
    let path = workspace.state("fuzz").join("people.json");
    std::fs::write(&path, Value::from(people).to_string())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
