//! Building, serving, and keeping up with the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emulator::{Emulator, LogSink, Options, Template};

use super::watch::{Change, Changes};
use super::{binaries, demo, output};
use crate::cargo;
use crate::migrate::DATABASE;
use crate::schema::Schema;
use crate::servers::Servers;
use crate::terminal::{Step, seconds};
use crate::workspace::Workspace;

/// Serves until it is dropped. `api` is left to the caller, who stops it in order.
///
/// # Errors
/// The first build, the migrations or the first start of the API fail. Later failures are printed, and what runs goes on.
pub(crate) async fn serve(
    workspace: &Workspace,
    servers: &Servers,
    address: SocketAddr,
    api: &mut Option<Emulator>,
) -> Result<()> {
    let step = Step::begin("migrating");
    servers.postgres.create_database(DATABASE).await?;
    let database_url = servers.postgres.url(DATABASE);
    let applied = Schema::open(workspace, &database_url).await?.up().await?;
    step.done(&format!("database {DATABASE} migrated ({} applied)", applied.len()));

    let state = workspace.state("dev");
    let session = Session {
        workspace,
        address,
        binaries: state.join("functions"),
        variables: variables(servers, &database_url, &state.join("cache-key"))?,
        tables: state.join("tables.sqlite"),
        logs: output::sink(&state.join("functions.log"))?,
        database_url,
    };
    fs::create_dir_all(&session.binaries).context("cannot make the folder of the binaries")?;
    // Before the build, so that nothing that is saved during it is missed.
    let mut changes = Changes::watch(workspace)?;
    println!("building the functions");
    session.build().await?;
    let serving = api.insert(session.start().await?);
    let demo = demo::ensure(&serving.url(), &session.database_url).await?;
    demo::welcome(&serving.url(), &demo);
    loop {
        let changes = changes.next().await;
        if let Err(error) = session.keep_up(&changes, api).await {
            println!("✗ {error:#}");
        }
    }
}

/// What stays the same while the sources change.
struct Session<'a> {
    workspace: &'a Workspace,
    address: SocketAddr,
    binaries: PathBuf,
    variables: BTreeMap<String, String>,
    tables: PathBuf,
    logs: LogSink,
    database_url: String,
}

impl Session<'_> {
    /// Builds, sets the binaries aside, and returns the functions that have another one than before.
    async fn build(&self) -> Result<Vec<String>> {
        let began = Instant::now();
        let built = cargo::build(self.workspace, "dev", &self.workspace.functions()?).await?;
        let mut changed = Vec::new();
        for built in built {
            if binaries::install(&built, &self.binaries)? {
                changed.push(built.function);
            }
        }
        println!("✓ functions built ({})", seconds(began.elapsed()));
        Ok(changed)
    }

    async fn start(&self) -> Result<Emulator> {
        let options = Options {
            template: Template::read(self.workspace.path("template.yaml"))?,
            binaries: self.binaries.clone(),
            variables: self.variables.clone(),
            listen: self.address,
            tables: Some(self.tables.clone()),
            logs: self.logs.clone(),
            ..Options::default()
        };
        Ok(Emulator::start(options).await?)
    }

    async fn keep_up(&self, changes: &BTreeSet<Change>, api: &mut Option<Emulator>) -> Result<()> {
        if changes.contains(&Change::Migrations) {
            for version in Schema::open(self.workspace, &self.database_url).await?.up().await? {
                println!("✓ migration {version:04} applied");
            }
        }
        let changed =
            if changes.iter().any(|change| *change != Change::Template) { self.build().await? } else { Vec::new() };
        if changes.contains(&Change::Template) || api.is_none() {
            // Read first: what is wrong with it shall not end what runs.
            Template::read(self.workspace.path("template.yaml"))?;
            if let Some(running) = api.take() {
                running.shutdown().await;
            }
            *api = Some(self.start().await?);
            println!("✓ template.yaml is served anew");
            return Ok(());
        }
        let Some(running) = api else { return Ok(()) };
        for function in changed {
            match running.replace(&function).await {
                Ok(()) => println!("✓ {function} replaced"),
                Err(error) => println!("✗ {function}: {error}"),
            }
        }
        Ok(())
    }
}

/// What the template leaves to the deployed stack. Everything else has the template's own values.
#[expect(clippy::disallowed_methods, reason = "what the developer sets is handed on")]
fn variables(servers: &Servers, database_url: &str, cache_key: &Path) -> Result<BTreeMap<String, String>> {
    let pairs = [
        ("DATABASE_URL", database_url.to_owned()),
        ("REDIS_URL", servers.redis.url()),
        // On a developer's own machine everybody is an operator.
        ("OPERATOR_KEY", "*".to_owned()),
        ("CACHE_KEY", key(cache_key).with_context(|| format!("cannot keep {}", cache_key.display()))?),
    ];
    // A model of the developer's own, if there is one: else the built-in companion answers. And what they call slow.
    let own = ["LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY", "SLOW_QUERY_THRESHOLD"];
    let own = own.into_iter().filter_map(|name| Some((name, env::var(name).ok()?)));
    Ok(pairs.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A random key, made once: with another one all that is in the cache would be unreadable.
fn key(path: &Path) -> io::Result<String> {
    if let Ok(key) = fs::read_to_string(path) {
        return Ok(key.trim().to_owned());
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let key = STANDARD.encode(bytes);
    fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(key.as_bytes())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_for_its_owner_and_is_32_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache-key");
        let first = key(&path).unwrap();
        assert_eq!(STANDARD.decode(&first).unwrap().len(), 32);
        assert_eq!(key(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
