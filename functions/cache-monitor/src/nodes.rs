//! The state of the cache's nodes, if the cache has an id in `ElastiCache`.

use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use jiff::Timestamp;
use shared::metrics::{self, NodesReading, Published};
use tokio::sync::OnceCell;

/// The time limit of a call to `ElastiCache`, including its retry.
const BUDGET: Duration = Duration::from_secs(2);

/// A cache in `ElastiCache`.
#[derive(Clone)]
pub(crate) struct Nodes {
    id: Arc<str>,
    client: Arc<OnceCell<Client>>,
}

impl Nodes {
    pub(crate) fn new(id: String) -> Self {
        Self { id: id.into(), client: Arc::default() }
    }

    /// Publishes the number of nodes and of available nodes. If `ElastiCache` does not respond, the
    /// metrics are missing, but the invocation does not fail: the cache itself may work.
    pub(crate) async fn publish(&self) {
        match self.read().await {
            Ok(reading) => metrics::emit(&Published::new(Timestamp::now(), &reading)),
            Err(reason) => tracing::warn!(
                reason,
                "could not read the state of the nodes from ElastiCache; their metrics are missing for this minute"
            ),
        }
    }

    /// Reads the replication group with this id, or else the serverless cache with this name.
    async fn read(&self) -> Result<NodesReading, String> {
        let client = self.client.get_or_init(client).await;
        let group = client.describe_replication_groups().replication_group_id(&*self.id).send().await;
        match group {
            Ok(groups) => {
                let group = groups.replication_groups().first().ok_or("there is no such replication group")?;
                let nodes = |usable: bool| {
                    let shards = group.node_groups().iter().filter(|shard| !usable || available(shard.status()));
                    shards.map(|shard| shard.node_group_members().len()).sum()
                };
                Ok(reading(nodes(false), nodes(true), available(group.status())))
            }
            Err(error) if error.code() == Some("ReplicationGroupNotFoundFault") => {
                let caches = client.describe_serverless_caches().serverless_cache_name(&*self.id).send().await;
                let caches = caches.map_err(|error| reason(&error))?;
                let cache = caches.serverless_caches().first().ok_or("there is no such serverless cache")?;
                // A serverless cache has no nodes to count. It counts as one, available or not.
                let available = available(cache.status());
                Ok(reading(1, usize::from(available), available))
            }
            Err(error) => Err(reason(&error)),
        }
    }
}

/// Returns whether a group, a shard or a cache with this status serves requests. It does so while
/// its daily snapshot is taken.
fn available(status: Option<&str>) -> bool {
    status.is_some_and(|status| ["available", "snapshotting"].iter().any(|usable| status.eq_ignore_ascii_case(usable)))
}

fn reading(nodes: usize, available: usize, whole: bool) -> NodesReading {
    NodesReading { cache_nodes: nodes as u64, cache_nodes_available: available as u64, cache_available: whole.into() }
}

async fn client() -> Client {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let limits = TimeoutConfig::builder().operation_attempt_timeout(BUDGET / 2).operation_timeout(BUDGET).build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(limits)
        .load()
        .await;
    Client::new(&config)
}

/// Returns the name of an error without its text.
fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        other => other.code().unwrap_or("a malformed response").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_available_during_its_snapshot_and_the_case_of_the_status_is_ignored() {
        assert!(["available", "AVAILABLE", "snapshotting"].into_iter().all(|status| available(Some(status))));
        assert!(![Some("modifying"), Some("create-failed"), Some(""), None].into_iter().any(available));
    }
}
