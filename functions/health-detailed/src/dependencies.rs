//! The dependencies of the service: whether they respond, and how fast.

use std::time::{Duration, Instant};

use futures_util::future::{join, join3};
use serde::Serialize;
use shared::AppState;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

/// The time limit of a ping. All dependencies are pinged at the same time.
const BUDGET: Duration = Duration::from_millis(800);
/// The minimum time between two checks by an environment, however many clients ask.
const INTERVAL: Duration = Duration::from_secs(1);

static LAST: Mutex<Option<(Instant, Dependencies)>> = Mutex::const_new(None);

/// `degraded` means that the cache or, in `HealthDetails`, the model is unavailable. `unhealthy`
/// means that the database is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}

impl Status {
    /// Returns the status that every client may see: without Redis, the service is slower but
    /// complete. The model is not asked.
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

/// Whether a dependency responded to a ping, and how fast.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Dependency {
    #[schema(inline)]
    status: DependencyStatus,
    /// The duration of the ping in milliseconds, with two decimals. A ping times out after 800 ms.
    response_time_ms: f64,
}

/// Whether the language model responded to a ping, and how fast.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Model {
    #[schema(inline)]
    status: DependencyStatus,
    /// The duration of the ping in milliseconds, with two decimals. A ping times out after 800 ms.
    response_time_ms: f64,
    /// The name of the model, or `built-in` for rule-based replies, which need no server.
    model: String,
}

/// `healthy` if the dependency responded to a ping within 800 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DependencyStatus {
    Healthy,
    Unhealthy,
}

impl Dependencies {
    /// Pings all dependencies at the same time, unless the last check is less than a second old.
    pub(crate) async fn check(state: &AppState) -> Self {
        // Concurrent requests wait here, and get the same result.
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

    /// Returns the status of the service. Without the database, nothing can be written. Without
    /// Redis, everything is slower. Without the model, the chat has a fallback.
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
