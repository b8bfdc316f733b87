//! The database and the Redis server of a system, and the proxies in front of them.

use std::path::Path;

use dev_servers::{Postgres, PostgresOptions, Redis, RedisOptions, testing};
use uuid::Uuid;

use crate::proxy::{Protocol, Proxy};
use crate::setup::{PostgresChoice, RedisChoice};

pub(crate) struct Backends {
    pub(crate) own_postgres: Option<Postgres>,
    pub(crate) own_redis: Option<Redis>,
    pub(crate) postgres_proxy: Option<Proxy>,
    pub(crate) redis_proxy: Option<Proxy>,
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
    /// The URLs of the database and of Redis that the functions get.
    pub(crate) configured_urls: [String; 2],
}

impl Backends {
    /// Starts the servers and creates the database that a setup requests. Dedicated servers store
    /// their data in `folder`.
    pub(crate) async fn start(postgres: PostgresChoice, redis: RedisChoice, proxied: bool, folder: &Path) -> Self {
        let (database_url, own_postgres) = database(postgres, folder).await;
        let (redis_url, own_redis) = redis_server(redis, folder);
        let mut configured_urls = [database_url.clone(), redis_url.clone()];
        let (mut postgres_proxy, mut redis_proxy) = (None, None);
        if proxied {
            let proxy = Proxy::start(testing::port(&database_url), Protocol::Postgres).await;
            configured_urls[0] = testing::with_port(&database_url, postgres_proxy.insert(proxy).port());
            // The nodes of a cluster announce their own addresses, which no proxy can replace.
            if !redis_url.starts_with("redis-cluster:") {
                let proxy = Proxy::start(testing::port(&redis_url), Protocol::Redis).await;
                configured_urls[1] = testing::with_port(&redis_url, redis_proxy.insert(proxy).port());
            }
        }
        Self { own_postgres, own_redis, postgres_proxy, redis_proxy, database_url, redis_url, configured_urls }
    }
}

async fn database(choice: PostgresChoice, folder: &Path) -> (String, Option<Postgres>) {
    let name = format!("kai_{}", Uuid::new_v4().simple());
    match choice {
        PostgresChoice::Migrated => {
            let admin = testing::postgres();
            admin
                .clone_database(&testing::template_database(), &name)
                .await
                .expect("the template database can be cloned");
            (admin.url(&name), None)
        }
        PostgresChoice::Empty => {
            let admin = testing::postgres();
            admin.create_database(&name).await.expect("the database can be created");
            (admin.url(&name), None)
        }
        PostgresChoice::Own(settings) => {
            let options = PostgresOptions { disposable: true, settings, ..PostgresOptions::default() };
            let postgres = Postgres::start(&folder.join("postgres"), &options).expect("Postgres starts");
            postgres.create_database(&name).await.expect("the database can be created");
            (postgres.url(&name), Some(postgres))
        }
        PostgresChoice::At(url) => (url, None),
    }
}

fn redis_server(choice: RedisChoice, folder: &Path) -> (String, Option<Redis>) {
    match choice {
        RedisChoice::Shared => (testing::redis(), None),
        RedisChoice::Own => {
            // Tests fill Redis quickly with `DEBUG POPULATE`.
            let directives = vec![("enable-debug-command".to_owned(), "local".to_owned())];
            let options = RedisOptions { directives, ..RedisOptions::default() };
            let redis = Redis::start(&folder.join("redis"), &options).expect("Redis starts");
            (redis.url(), Some(redis))
        }
        RedisChoice::At(url) => (url, None),
    }
}
