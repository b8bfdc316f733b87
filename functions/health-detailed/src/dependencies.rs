//! What the service depends on: whether it answers, and how fast.

use std::time::{Duration, Instant};

use futures_util::future::{join, join3};
use serde::Serialize;
use shared::AppState;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long each of them may take. All are asked at once.
const BUDGET: Duration = Duration::from_millis(800);
/// An environment asks at most so often, whoever wants to know.
const INTERVAL: Duration = Duration::from_secs(1);

static LAST: Mutex<Option<(Instant, Dependencies)>> = Mutex::const_new(None);

/// Without the cache or the model: `degraded`. Without the database: `unhealthy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}

impl Status {
    /// Of what everybody may know of: without Redis the service is slower but whole.
    pub(crate) async fn of_backends(state: &AppState) -> Self {
        match join(state.store.cache.ping(), state.store.db.ping()).await {
            (Ok(()), Ok(())) => Self::Healthy,
            (Err(_), Ok(())) => Self::Degraded,
            (_, Err(_)) => Self::Unhealthy,
        }
    }
}

/// The dependencies of the service.
#[derive(Debug, Clone)]
pub(crate) struct Dependencies {
    pub(crate) database: Dependency,
    pub(crate) redis: Dependency,
    pub(crate) llm: Model,
}

/// A dependency of the service.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Dependency {
    #[schema(inline)]
    status: DependencyStatus,
    /// The response time in milliseconds, with two decimals.
    response_time_ms: f64,
}

/// The language model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Model {
    #[schema(inline)]
    status: DependencyStatus,
    /// The response time in milliseconds, with two decimals.
    response_time_ms: f64,
    /// The name of the model; `built-in` for replies by rules, which need no server.
    model: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DependencyStatus {
    Healthy,
    Unhealthy,
}

impl Dependencies {
    /// Asks all of them at once, unless that was done within the last second.
    pub(crate) async fn check(state: &AppState) -> Self {
        // Who comes meanwhile waits here, and is told the same.
        let mut last = LAST.lock().await;
        if let Some((_, found)) = last.as_ref().filter(|(at, _)| at.elapsed() < INTERVAL) {
            return found.clone();
        }
        let asked = join3(
            Dependency::check(state.store.db.ping()),
            Dependency::check(state.store.cache.ping()),
            Dependency::check(state.model.ping()),
        );
        let (database, redis, Dependency { status, response_time_ms }) = Box::pin(asked).await;
        let llm = Model { status, response_time_ms, model: state.model.name().to_owned() };
        let found = Self { database, redis, llm };
        last.insert((Instant::now(), found)).1.clone()
    }

    /// Without the database nothing can be written. Without Redis all is slower, without the model the chat has a fallback.
    pub(crate) fn status(&self) -> Status {
        let healthy = |status: DependencyStatus| status == DependencyStatus::Healthy;
        match (healthy(self.database.status), healthy(self.redis.status) && healthy(self.llm.status)) {
            (true, true) => Status::Healthy,
            (true, false) => Status::Degraded,
            (false, _) => Status::Unhealthy,
        }
    }
}

impl Dependency {
    async fn check<E>(ping: impl Future<Output = Result<(), E>>) -> Self {
        let began = Instant::now();
        let answered = timeout(BUDGET, ping).await.is_ok_and(|answer| answer.is_ok());
        let response_time_ms = (began.elapsed().as_secs_f64() * 1e5).round() / 1e2;
        let status = if answered { DependencyStatus::Healthy } else { DependencyStatus::Unhealthy };
        Self { status, response_time_ms }
    }
}
