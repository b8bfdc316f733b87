//! A Postgres server of our own.

mod admin;
mod initdb;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

pub use self::admin::Admin;
use crate::account::Account;
use crate::folder::Folder;
use crate::process::{Launch, Process};
use crate::program::Program;
use crate::{Error, Result, Server, certificate, install, port};

/// The superuser, and the role that the functions sign in with on this machine.
const USER: &str = "kai";

/// How a Postgres is started.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// The port to listen on; without one the port of the last start if it is free, else any free port.
    pub port: Option<u16>,
    /// For tests: starts without the data of the last start, and never syncs to the disk. What was committed survives a kill of
    /// the server, but not of the machine.
    pub disposable: bool,
    /// Takes TLS connections too, with a certificate for 127.0.0.1 and `localhost` from an authority made for this folder.
    pub tls: bool,
    /// Further settings of `postgresql.conf`, by name.
    pub settings: Vec<(String, String)>,
}

/// A running Postgres that listens on 127.0.0.1 alone. Dropping it stops it; its data stay in its folder.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    admin: Admin,
    ca_file: Option<PathBuf>,
    _folder: Folder,
}

impl Postgres {
    /// Starts the server in `dir`, after making its data there if there are none.
    ///
    /// When we are root it runs as `postgres` or `nobody`; if that user cannot reach `dir`, its data are under `/var/tmp` and
    /// `dir/data` is a link to them.
    ///
    /// # Errors
    /// Postgres is not installed, another process uses `dir`, the port asked for is taken, or the server does not start; the
    /// error then shows the end of its log.
    pub fn start(dir: &Path, options: &PostgresOptions) -> Result<Self> {
        let folder = Folder::claim(dir)?;
        let account = Account::for_servers();
        let data = folder.data(account)?;
        let ca_file = if options.tls { Some(certificate::ensure(&data, account)?) } else { None };
        let data = data.join("cluster");
        let program = choose_program(&data)?;
        let launch = Launch {
            server: Server::Postgres,
            program,
            account,
            args: Vec::new(),
            dir: folder.path.clone(),
            data,
            port: 0,
            ready: "database system is ready to accept connections",
            // Not SIGTERM, upon which Postgres waits for its clients to leave.
            stop: Signal::INT,
        };
        let password = initdb::ensure(&launch, USER, options.disposable)?;
        let process = Process::start(launch, options.port, |launch| {
            launch.args = arguments(launch, options);
            Ok(())
        })?;
        let admin = Admin::new(USER, password, process.port());
        Ok(Self { process, admin, ca_file, _folder: folder })
    }

    /// Access to the server that another process runs in `dir`, if one does.
    pub async fn attach(dir: &Path) -> Option<Admin> {
        let password = fs::read_to_string(dir.join("password")).ok()?;
        let admin = Admin::new(USER, password, port::remembered(dir)?);
        admin.has_database("postgres").await.then_some(admin)
    }

    /// The URL of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        self.admin.url(database)
    }

    /// The handle for making and dropping databases.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The certificate of the authority that a client has to trust, in PEM; with TLS only.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Makes an empty database; see [`Admin::create_database`].
    ///
    /// # Errors
    /// The server refuses or is away.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.admin.create_database(name).await
    }

    /// Copies a database with its settings; see [`Admin::clone_database`].
    ///
    /// # Errors
    /// The server refuses or is away.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<()> {
        self.admin.clone_database(template, name).await
    }

    /// Drops a database and whoever is connected to it; see [`Admin::drop_database`].
    ///
    /// # Errors
    /// The server refuses or is away.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        self.admin.drop_database(name).await
    }

    /// Stops the server in order: transactions are rolled back, clients disconnected, data written.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Stops the server, if it runs, and starts it on the same port with the same data.
    ///
    /// # Errors
    /// It does not start; the error shows the end of its log.
    pub fn restart(&self) -> Result<()> {
        self.process.restart()
    }

    /// Freezes the whole server: connections stay open and nothing answers.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Ends the server without warning, as a power cut would. [`Postgres::restart`] brings it back.
    pub fn kill(&self) {
        self.process.kill();
    }
}

/// The newest Postgres, or the one that made the data.
fn choose_program(data: &Path) -> Result<Program> {
    let candidates = install::programs(Server::Postgres)?;
    let made_by: Option<u32> =
        fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
    let fits = |program: &&Program| match (program, made_by) {
        (Program::Native { major, .. }, Some(made_by)) => *major == made_by,
        _ => true,
    };
    candidates.iter().find(fits).cloned().ok_or_else(|| Error::NotInstalled {
        server: Server::Postgres,
        advice: format!(
            "the data in {} were made by Postgres {}, which is not here any more; install it, or delete the folder",
            data.display(),
            made_by.unwrap_or_default()
        ),
    })
}

fn arguments(launch: &Launch, options: &PostgresOptions) -> Vec<OsString> {
    let listen = if launch.is_behind_a_published_port() { "*" } else { "127.0.0.1" };
    let mut settings = vec![
        ("listen_addresses".to_owned(), listen.to_owned()),
        ("port".to_owned(), launch.port.to_string()),
        ("unix_socket_directories".to_owned(), String::new()),
        ("max_connections".to_owned(), "200".to_owned()),
        ("shared_buffers".to_owned(), "64MB".to_owned()),
        ("max_wal_size".to_owned(), "256MB".to_owned()),
        ("log_destination".to_owned(), "stderr".to_owned()),
        ("logging_collector".to_owned(), "off".to_owned()),
        ("log_line_prefix".to_owned(), "%m [%p] %q%u@%d ".to_owned()),
    ];
    if options.disposable {
        // Commits still reach the system before they are acknowledged: they survive a kill of the server.
        for name in ["fsync", "full_page_writes"] {
            settings.push((name.to_owned(), "off".to_owned()));
        }
    }
    if options.tls {
        let [certificate, key, _] = certificate::files(&launch.data).map(|file| file.display().to_string());
        let files = [("ssl", "on".to_owned()), ("ssl_cert_file", certificate), ("ssl_key_file", key)];
        settings.extend(files.map(|(name, value)| (name.to_owned(), value)));
    }
    settings.extend(options.settings.iter().cloned());
    let mut args = vec![OsString::from("-D"), launch.data.clone().into_os_string()];
    for (name, value) in settings {
        args.extend([OsString::from("-c"), OsString::from(format!("{name}={value}"))]);
    }
    args
}
