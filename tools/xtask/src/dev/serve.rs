//! Builds and serves the API, and rebuilds functions when their sources change.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use emulator::{Emulator, LogSink, Options, Template};

use super::watch::{Change, Changes};
use super::{demo, output};
use crate::migrate::DATABASE;
use crate::schema::Schema;
use crate::servers::{Servers, random_cache_key};
use crate::terminal::{Step, seconds};
use crate::workspace::Workspace;
use crate::{binaries, cargo};

/// Serves until the future is dropped. `api` receives the running API, which the caller has to shut
/// down.
///
/// # Errors
/// The first build, the migrations or the first start of the API fail. Later failures are printed,
/// and the running functions continue.
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
    fs::create_dir_all(&session.binaries).context("cannot create the folder of the binaries")?;
    // Watching begins before the build, so that no change during the build is missed.
    let mut changes = Changes::watch(workspace)?;
    println!("building the functions");
    session.build().await?;
    let serving = api.insert(session.start().await?);
    let demo = demo::ensure(&serving.url(), &session.database_url).await?;
    demo::print_welcome(&serving.url(), &demo);
    loop {
        let changes = changes.next().await;
        if let Err(error) = session.apply(&changes, api).await {
            println!("✗ {error:#}");
        }
    }
}

/// The state that stays the same while the sources change.
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
    /// Builds the functions, sets their binaries aside, and returns the functions whose binary
    /// changed.
    async fn build(&self) -> Result<Vec<String>> {
        let began = Instant::now();
        let artifacts = cargo::build(self.workspace, "dev", &self.workspace.functions()?).await?;
        let mut changed = Vec::new();
        for artifact in artifacts {
            if binaries::install(&artifact, &self.binaries)? {
                changed.push(artifact.name);
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

    async fn apply(&self, changes: &BTreeSet<Change>, api: &mut Option<Emulator>) -> Result<()> {
        if changes.contains(&Change::Migrations) {
            for version in Schema::open(self.workspace, &self.database_url).await?.up().await? {
                println!("✓ migration {version:04} applied");
            }
        }
        let changed =
            if changes.iter().any(|change| *change != Change::Template) { self.build().await? } else { Vec::new() };
        if changes.contains(&Change::Template) || api.is_none() {
            // The template is parsed first, because an invalid template must not stop the running
            // API.
            Template::read(self.workspace.path("template.yaml"))?;
            if let Some(running) = api.take() {
                running.shutdown().await;
            }
            *api = Some(self.start().await?);
            println!("✓ API restarted with template.yaml");
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

/// Returns the variables that have no fixed value in the template. On AWS the deployed stack
/// provides their values.
#[expect(clippy::disallowed_methods, reason = "the functions receive the developer's own variables")]
fn variables(servers: &Servers, database_url: &str, cache_key: &Path) -> Result<BTreeMap<String, String>> {
    let cache_key = persistent_cache_key(cache_key).with_context(|| format!("cannot write {}", cache_key.display()))?;
    let mut variables = servers.variables(database_url, cache_key);
    // On a developer's machine every user is an operator.
    variables.insert("OPERATOR_KEY".to_owned(), "*".to_owned());
    // Without a model the built-in companion responds.
    for name in ["LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY", "SLOW_QUERY_THRESHOLD"] {
        variables.extend(env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    Ok(variables)
}

/// Returns the key in the file. The first call creates the file. A different key would make the
/// cached records unreadable.
fn persistent_cache_key(path: &Path) -> Result<String> {
    if let Ok(key) = fs::read_to_string(path) {
        return Ok(key.trim().to_owned());
    }
    let key = random_cache_key()?;
    fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(key.as_bytes())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_key_is_created_once_is_private_and_has_32_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache-key");
        let first = persistent_cache_key(&path).unwrap();
        assert_eq!(STANDARD.decode(&first).unwrap().len(), 32);
        assert_eq!(persistent_cache_key(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
