//! `cargo xtask fuzz-api`: runs schemathesis against the API, with the API's own OpenAPI document.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use dev_servers::Server;
use emulator::{Emulator, LogBuffer, Options, Template};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::process::Command;

use crate::accounts::{self, PASSWORD};
use crate::python::Tool;
use crate::schema::Schema;
use crate::servers::{self, Servers, random_cache_key};
use crate::stop::{self, StopRequests};
use crate::terminal::Step;
use crate::workspace::Workspace;
use crate::{binaries, process};

const SCHEMATHESIS: Tool = Tool { package: "schemathesis", version: "4.32.5", program: "st" };
const DATABASE: &str = "kai_fuzz";
/// The number of users: one for each example that ends a session, and some spare ones.
const USERS: i32 = 30_000;

/// Options of `cargo xtask fuzz-api`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of examples for each operation in each phase that generates them.
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
        () = stop.next() => Ok(stop::exit_code()),
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
    let step = Step::begin("creating users");
    let users = create_users(workspace, &emulator.url(), &database_url).await?;
    step.done(&format!("{USERS} users signed in"));

    let mut command = Command::new(schemathesis);
    let config = workspace.path("tools/xtask/src/fuzz/schemathesis.toml");
    command.arg("--config-file").arg(config).arg("run").arg(format!("{}/openapi.json", emulator.url()));
    command.args(["--mode", "all", "--phases", "examples,coverage,fuzzing,stateful", "--workers", "2"]);
    command.args(["--max-examples", &arguments.examples.to_string(), "--continue-on-failure", "--no-color"]);
    command.args(["--suppress-health-check", "all"]).args(&arguments.schemathesis);
    command.current_dir(workspace.state("fuzz")).env("SCHEMATHESIS_HOOKS", "hooks");
    command.env("PYTHONPATH", workspace.path("tools/xtask/src/fuzz")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("KAI_FUZZ_USERS", &users).env("KAI_FUZZ_PASSWORD", PASSWORD);
    let status = process::complete(&mut command).await?;
    emulator.shutdown().await;
    // The log line of an internal error has the details that the response omits.
    for line in logs.lines().iter().filter(|line| line.text.contains("internal error")).take(10) {
        println!("{}: {}", line.function, line.text);
    }
    Ok(process::exit_code(status))
}

async fn start(workspace: &Workspace, servers: &Servers, database_url: &str, logs: &LogBuffer) -> Result<Emulator> {
    let options = Options {
        template: Template::read(workspace.path("template.yaml"))?,
        binaries: binaries::build(workspace, "fuzz", "dev", &workspace.functions()?).await?,
        variables: servers.variables(database_url, random_cache_key()?),
        throttle: false,
        logs: logs.sink(),
        ..Options::default()
    };
    Ok(Emulator::start(options).await?)
}

/// Creates users with one session each, and writes their ids and tokens to a file. All users have
/// the password hash of one account, which is registered through the API.
async fn create_users(workspace: &Workspace, api: &str, database_url: &str) -> Result<PathBuf> {
    let api = api.to_owned();
    tokio::task::spawn_blocking(move || accounts::register(&api, "first@fuzz.example")).await??;
    let options: PgConnectOptions = database_url.parse()?;
    let mut database: PgConnection = options.options([("statement_timeout", "0")]).connect().await?;
    let sql = "WITH new_users AS MATERIALIZED (
            SELECT gen_random_uuid() AS id, decode(md5(random()::text) || md5(random()::text), 'hex') AS secret FROM generate_series(1, $1)
        ), accounts AS (
            INSERT INTO users (id, email, password_hash) SELECT n.id, n.id || '@fuzz.example', f.password_hash
            FROM new_users n, users f WHERE f.email = 'first@fuzz.example'
        ), profiles AS (
            INSERT INTO user_profiles (id, user_id) SELECT gen_random_uuid(), id FROM new_users
        ), opened AS (
            INSERT INTO sessions (id, user_id, token_hash, expires_at)
            SELECT gen_random_uuid(), id, sha256(uuid_send(id) || secret), now() + interval '1 day' FROM new_users
        )
        SELECT id::text AS id, translate(encode(uuid_send(id) || secret, 'base64'), E'+/\\n', '-_') AS token FROM new_users";
    let rows = sqlx::query(sql).bind(USERS).fetch_all(&mut database).await?;
    let user = |row: &PgRow| -> Result<Value> {
        Ok(json!({"id": row.try_get::<String, _>("id")?, "token": row.try_get::<String, _>("token")?}))
    };
    let users = rows.iter().map(user).collect::<Result<Vec<_>>>()?;
    let path = workspace.state("fuzz").join("users.json");
    std::fs::write(&path, Value::from(users).to_string())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
