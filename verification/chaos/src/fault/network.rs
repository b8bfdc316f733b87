//! Faults of the network between the functions and a server.

use std::time::Duration;

use anyhow::Result;
use api_tests::Proxy;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::{random_duration, repeat};

/// Delays each reply of the server by up to 120 ms, for 0.3 s to 2 s.
pub(super) async fn delay_replies(proxy: &Proxy, random: &mut StdRng) -> Result<u64> {
    proxy.delay_responses(random_duration(random, 2, 120));
    heal_after(proxy, random_duration(random, 300, 2000)).await
}

/// Applies `action` to the proxy several times, which disturbs the open connections.
pub(super) async fn disturb(proxy: &Proxy, random: &mut StdRng, action: fn(&Proxy)) -> Result<u64> {
    repeat(random, async || {
        action(proxy);
        Ok(1)
    })
    .await
}

/// Waits, and then ends the current fault.
pub(super) async fn heal_after(proxy: &Proxy, time: Duration) -> Result<u64> {
    sleep(time).await;
    proxy.heal().await;
    Ok(1)
}
