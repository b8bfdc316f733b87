//! A transaction pooler in front of a Postgres of our own.

use std::path::Path;

use rustix::process::Signal;

use crate::account::Account;
use crate::folder::{Folder, write_private};
use crate::postgres::Admin;
use crate::process::{Launch, Process};
use crate::{Result, Server, install};

/// A running PgBouncer in transaction mode, on 127.0.0.1 alone. Dropping it stops it.
#[derive(Debug)]
pub struct PgBouncer {
    process: Process,
    admin: Admin,
    _folder: Folder,
}

impl PgBouncer {
    /// Starts a pooler in `dir` for all databases of a server. `postgres` is the superuser's access to it.
    ///
    /// # Errors
    /// PgBouncer is not installed, another process uses `dir`, or it does not start; the error then shows the end of its log.
    pub fn start(dir: &Path, postgres: &Admin) -> Result<Self> {
        let folder = Folder::claim(dir)?;
        let account = Account::for_servers();
        let data = folder.data(account)?;
        let program = install::programs(Server::PgBouncer)?.remove(0);
        let configuration = data.join("pgbouncer.ini");
        let launch = Launch {
            server: Server::PgBouncer,
            program,
            account,
            args: vec![configuration.clone().into_os_string()],
            dir: folder.path.clone(),
            data,
            port: 0,
            ready: "process up",
            // Not SIGINT, upon which it waits for its clients to finish.
            stop: Signal::TERM,
        };
        let users = launch.data.join("users.txt");
        let (user, password) = postgres.login();
        write_private(&users, &format!("\"{user}\" \"{password}\"\n"), account)?;
        let process = Process::start(launch, None, |launch| {
            write_private(&configuration, &ini(postgres, launch.port, &users), account)
        })?;
        let admin = postgres.on_port(process.port());
        Ok(Self { process, admin, _folder: folder })
    }

    /// The URL of a database through the pooler, with user and password. The database `pgbouncer` is its console, where
    /// `SHOW STATS` and the like are answered.
    pub fn url(&self, database: &str) -> String {
        self.admin.url(database)
    }

    /// The process id of the pooler.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops the pooler; its clients are disconnected.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Stops the pooler, if it runs, and starts it on the same port.
    ///
    /// # Errors
    /// It does not start; the error shows the end of its log.
    pub fn restart(&self) -> Result<()> {
        self.process.restart()
    }
}

fn ini(postgres: &Admin, port: u16, users: &Path) -> String {
    let (host, postgres_port) = postgres.address();
    let (user, _) = postgres.login();
    format!(
        "[databases]\n\
         * = host={host} port={postgres_port}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = {}\n\
         admin_users = {user}\n\
         pool_mode = transaction\n\
         max_client_conn = 1000\n\
         default_pool_size = 20\n\
         ignore_startup_parameters = extra_float_digits\n",
        users.display()
    )
}
