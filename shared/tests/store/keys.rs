//! Tests of the keys of the store, and of their times to live.

use dev_servers::testing::until;

use crate::kai::Kai;

#[tokio::test]
async fn keys_and_times_to_live_are_as_documented() {
    let kai = Kai::start().await;
    let state = kai.environment();
    kai.warm(&state).await;
    until(async || state.store.profiles().get(&kai.token).await.is_ok() && state.metrics().cache_hits() >= 2).await;
    let user = kai.token.user_id();
    let hash = const_hex::encode(kai.query("SELECT token_hash FROM sessions").await[0].get::<_, Vec<u8>>(0));
    for (name, seconds) in [
        (format!("session:{hash}"), 300),
        (format!("journal:list:{user}:page:1:size:20"), 300),
        (format!("user:profile:{user}"), 3600),
        (kai.guard("session"), 90_000),
        (kai.guard("journal:list"), 90_000),
        (kai.guard("user:profile"), 90_000),
    ] {
        let left = kai.server.pttl(&name);
        assert!(left <= seconds * 1000 && left > seconds * 1000 - 30_000, "{name}: {left} ms");
    }
}
