//! Faults of Postgres, and of the network in front of it.

use anyhow::{Context as _, Result, bail};
use api_tests::Proxy;
use dev_servers::Postgres;
use rand::rngs::StdRng;
use tokio::task::block_in_place;
use tokio::time::sleep;
use tokio_postgres::NoTls;

use super::{network, random_duration, repeat};
use crate::system::System;

pub(super) async fn restart(system: &System) -> Result<u64> {
    let server = server(system)?;
    block_in_place(|| server.restart())?;
    Ok(1)
}

/// Terminates connections, and returns their number.
pub(super) async fn terminate(system: &System, random: &mut StdRng) -> Result<u64> {
    let (client, connection) = tokio_postgres::connect(system.kai.database_url(), NoTls).await?;
    let terminations = repeat(random, async || {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kai' AND pid <> pg_backend_pid()";
        let terminated: i64 = client.query_one(sql, &[]).await?.get(0);
        Ok(terminated.unsigned_abs())
    });
    tokio::select! {
        terminated = terminations => terminated,
        _ = connection => bail!("the connection to Postgres ended"),
    }
}

pub(super) async fn freeze(system: &System, random: &mut StdRng) -> Result<u64> {
    let server = server(system)?;
    server.pause();
    sleep(random_duration(random, 30, 1200)).await;
    server.resume();
    Ok(1)
}

pub(super) async fn delay_replies(system: &System, random: &mut StdRng) -> Result<u64> {
    network::delay_replies(proxy(system)?, random).await
}

pub(super) async fn reset_connections(system: &System, random: &mut StdRng) -> Result<u64> {
    network::disturb(proxy(system)?, random, Proxy::reset).await
}

pub(super) async fn blackhole(system: &System, random: &mut StdRng) -> Result<u64> {
    network::disturb(proxy(system)?, random, Proxy::disconnect_silently).await
}

fn server(system: &System) -> Result<&Postgres> {
    system.kai.own_postgres.as_ref().context("the system does not have its own Postgres server")
}

fn proxy(system: &System) -> Result<&Proxy> {
    system.kai.postgres_proxy.as_ref().context("the system has no proxy in front of Postgres")
}
