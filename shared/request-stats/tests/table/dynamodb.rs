//! A local DynamoDB, and clients that inject failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use dynoxide::Database;
use request_stats::Table;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

const NAME: &str = "request-stats";

/// A server with an empty table for one test.
pub(crate) struct DynamoDb {
    url: String,
    server: AbortHandle,
}

impl DynamoDb {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = dynoxide::server::serve_on(listener, Database::memory().unwrap());
        let server = tokio::runtime::Handle::current().spawn(server).abort_handle();
        let this = Self { url, server };
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let attribute = |name: &str| {
            let text = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            text.build().unwrap()
        };
        this.client(|config| config)
            .create_table()
            .table_name(NAME)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)]))
            .set_attribute_definitions(Some(vec![attribute("pk"), attribute("sk")]))
            .send()
            .await
            .unwrap();
        this
    }

    pub(crate) fn table(&self) -> Table {
        Table::new(self.client(|config| config), NAME)
    }

    /// Returns a table whose client fails from the call number `from` of an operation on.
    pub(crate) fn table_that_fails(&self, operation: &'static str, from: u32) -> Table {
        let fault = InjectedFault { operation, from, calls: Arc::default() };
        Table::new(self.client(|config| config.interceptor(fault)), NAME)
    }

    /// Reads `expires_at` of every item.
    pub(crate) async fn expiries(&self) -> Vec<i64> {
        let items = self.client(|config| config).scan().table_name(NAME).send().await.unwrap().items.unwrap();
        items.iter().map(|item| item["expires_at"].as_n().unwrap().parse().unwrap()).collect()
    }

    fn client(&self, configure: impl FnOnce(Builder) -> Builder) -> Client {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.url);
        Client::from_conf(configure(config).build())
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug)]
struct InjectedFault {
    operation: &'static str,
    from: u32,
    calls: Arc<AtomicU32>,
}

impl Intercept for InjectedFault {
    fn name(&self) -> &'static str {
        "injected fault"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        if target.ends_with(self.operation) && self.calls.fetch_add(1, Ordering::Relaxed) + 1 >= self.from {
            return Err("failed on purpose".into());
        }
        Ok(())
    }
}
