//! Faults of Postgres, and of the way to it.

use anyhow::{Context as _, Result};
use api_tests::Proxy;
use dev_servers::Postgres;
use rand::rngs::StdRng;
use tokio::task::block_in_place;
use tokio::time::sleep;
use tokio_postgres::NoTls;

use super::{between, several};
use crate::stage::Stage;

pub(super) async fn restart(stage: &Stage) -> Result<u64> {
    let server = server(stage)?;
    block_in_place(|| server.restart())?;
    Ok(1)
}

/// Returns how many connections were ended.
pub(super) async fn terminate(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let (client, connection) = tokio_postgres::connect(stage.kai.database_url(), NoTls).await?;
    let strikes = several(random, async || {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kai' AND pid <> pg_backend_pid()";
        let ended: i64 = client.query_one(sql, &[]).await?.get(0);
        Ok(ended.unsigned_abs())
    });
    tokio::select! {
        struck = strikes => struck,
        _ = connection => anyhow::bail!("the connection to Postgres ended"),
    }
}

pub(super) async fn freeze(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let server = server(stage)?;
    server.pause();
    sleep(between(random, 30, 1200)).await;
    server.resume();
    Ok(1)
}

pub(super) async fn slow(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let proxy = proxy(stage)?;
    proxy.delay_responses(between(random, 2, 120));
    sleep(between(random, 300, 2000)).await;
    proxy.heal().await;
    Ok(1)
}

pub(super) async fn reset(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let proxy = proxy(stage)?;
    several(random, async || {
        proxy.reset();
        Ok(1)
    })
    .await
}

pub(super) async fn silence(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let proxy = proxy(stage)?;
    several(random, async || {
        proxy.disconnect_silently();
        Ok(1)
    })
    .await
}

fn server(stage: &Stage) -> Result<&Postgres> {
    stage.kai.own_postgres.as_ref().context("no Postgres of our own")
}

fn proxy(stage: &Stage) -> Result<&Proxy> {
    stage.kai.postgres_proxy.as_ref().context("no proxy before Postgres")
}
