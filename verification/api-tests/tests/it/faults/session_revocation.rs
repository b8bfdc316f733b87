//! Hundreds of sessions that are revoked while Redis is frozen, unreachable or restarting.
//!
//! Two systems share a database and a Redis. Users revoke their sessions in one system, the
//! writers, which may be cut off from Redis. The other system, the readers, always reaches Redis,
//! has cached all sessions, and notices no fault. After an acknowledged revocation, both systems
//! reject the sessions. After a 503, they reject them once `cache-monitor` has drained the outbox.

use std::time::Duration;

use api_tests::{
    PostgresChoice, RedisChoice, Request, Setup, TestApp, TestUser, send_all, sorted_statuses, token_hash, wait_until,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::time::sleep;

use super::fixture::{exclusive, own_redis};
use crate::cache_monitor;

const ROUNDS: usize = 16;
/// The revocations of one round, in turn. A password change takes longest, because it hashes a
/// password.
const REVOCATIONS: [Revocation; 6] = [
    Revocation::AllSessions,
    Revocation::ThisSession,
    Revocation::PasswordChange,
    Revocation::ThisSession,
    Revocation::AllSessions,
    Revocation::Deletion,
];
const USERS: usize = 3 * REVOCATIONS.len();
/// The number of concurrent revocations. A function has an environment for each concurrent request.
const AT_ONCE: usize = 3;
const ENVIRONMENTS: usize = 2 * AT_ONCE;

const NEW_PASSWORD: &str = "seven calm otters";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Revocation {
    AllSessions,
    ThisSession,
    PasswordChange,
    Deletion,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Redis is frozen, and then executes the commands that were sent in the meantime.
    Frozen,
    /// No command of the writers reaches Redis.
    Blackholed,
    /// The proxy refuses the connections of the writers to Redis.
    Refused,
    /// Redis is killed and restarts empty.
    Restarted,
}

const FAULTS: [Fault; 4] = [Fault::Frozen, Fault::Blackholed, Fault::Refused, Fault::Restarted];

/// A user with two sessions. The first session requests the revocation.
struct Case {
    revocation: Revocation,
    user: TestUser,
    other_token: String,
}

impl Case {
    fn request(&self) -> Request {
        match self.revocation {
            Revocation::AllSessions => self.user.request("POST", "/api/auth/logout"),
            Revocation::ThisSession => self.user.request("POST", "/api/auth/logout?scope=this"),
            Revocation::PasswordChange => {
                let passwords = json!({"old_password": self.user.password, "new_password": NEW_PASSWORD});
                self.user.post("/api/auth/change-password", &passwords)
            }
            Revocation::Deletion => self.user.request("DELETE", "/api/account"),
        }
    }

    fn tokens(&self) -> [&str; 2] {
        [&self.user.token, &self.other_token]
    }

    /// Returns the tokens that are revoked.
    fn revoked_tokens(&self) -> impl Iterator<Item = &str> {
        self.tokens().into_iter().take(if self.revocation == Revocation::ThisSession { 1 } else { 2 })
    }
}

#[derive(Debug, Default)]
struct Outcomes {
    acknowledged: usize,
    unavailable: usize,
}

/// The two systems of a test.
struct Systems {
    writers: TestApp,
    readers: TestApp,
    /// A password and its hash.
    password: (String, String),
}

impl Systems {
    async fn start() -> Self {
        let variables = vec![("CACHE_KEY", STANDARD.encode([7; 32]))];
        let setup = Setup { environments: ENVIRONMENTS, variables, proxied: true, ..own_redis() };
        let writers = TestApp::start_with(setup).await;
        let readers = TestApp::start_with(Setup {
            environments: ENVIRONMENTS,
            variables: vec![("CACHE_KEY", STANDARD.encode([7; 32]))],
            postgres: PostgresChoice::At(writers.database_url().to_owned()),
            redis: RedisChoice::At(writers.redis_url().to_owned()),
            ..Setup::default()
        })
        .await;
        let first = writers.register_and_login().await;
        let sql = "SELECT password_hash FROM users WHERE id = $1";
        let password = (first.password.clone(), writers.query_scalar(sql, &[&first.id]).await);
        Self { writers, readers, password }
    }

    /// Creates a user whose two sessions are cached.
    async fn new_case(&self, revocation: Revocation) -> Case {
        let mut user = self.writers.new_user().await;
        let other_token = self.writers.open_session(user.id).await;
        user.password.clone_from(&self.password.0);
        let sql = "UPDATE users SET password_hash = $2 WHERE id = $1";
        self.writers.query(sql, &[&user.id, &self.password.1]).await;
        let case = Case { revocation, user, other_token };
        for token in case.tokens() {
            wait_until(Duration::from_secs(10), "the session is cached", async || {
                self.readers.anonymous().with_token(token).get("/api/auth/me").await.cache_status() == "hit"
            })
            .await;
        }
        case
    }

    async fn inject(&self, fault: Fault, length: Duration) {
        let (redis, proxy) = (self.writers.own_redis.as_ref().unwrap(), self.writers.redis_proxy.as_ref().unwrap());
        match fault {
            Fault::Frozen => {
                redis.pause();
                sleep(length).await;
                redis.resume();
            }
            Fault::Blackholed => {
                proxy.blackhole();
                sleep(length).await;
                proxy.heal().await;
            }
            Fault::Refused => {
                proxy.refuse().await;
                sleep(length).await;
                proxy.heal().await;
            }
            Fault::Restarted => {
                redis.kill();
                sleep(length).await;
                redis.restart().unwrap();
            }
        }
    }

    /// Revokes the sessions of a user. Returns whether the revocation was acknowledged. If so,
    /// every environment must reject the sessions.
    async fn revoke(&self, case: &Case) -> bool {
        sleep(random(Duration::from_millis(40))).await;
        let response = case.request().await;
        if response.status == 503 {
            assert!(response.header("retry-after").is_some(), "{}", response.text());
            return false;
        }
        assert!([200, 204].contains(&response.status), "{:?}: {}", case.revocation, response.text());
        self.assert_rejected(case, "as soon as it was acknowledged").await;
        true
    }

    /// Asserts that several environments reject the revoked sessions.
    async fn assert_rejected(&self, case: &Case, when: &str) {
        let paths = ["/api/auth/me", "/api/journal/entries", &case.user.profile_path()];
        for token in case.revoked_tokens() {
            let clients = [&self.readers, &self.readers, &self.writers].map(|app| app.anonymous().with_token(token));
            let requests = clients.iter().flat_map(|client| paths.iter().map(|path| client.get(*path)));
            let statuses = sorted_statuses(&send_all(requests).await);
            assert_eq!(statuses, [401; 9], "{:?} {when}", case.revocation);
        }
    }

    /// Injects one fault while users revoke their sessions.
    async fn run(&self, fault: Fault, outcomes: &mut Outcomes) -> Vec<Case> {
        let cases: Vec<_> =
            stream::iter((0..USERS).map(|number| self.new_case(REVOCATIONS[number % REVOCATIONS.len()])))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
        let (acknowledged, ()) = join(
            stream::iter(cases.iter().map(|case| self.revoke(case))).buffered(AT_ONCE).collect::<Vec<_>>(),
            async {
                sleep(random(Duration::from_millis(200))).await;
                self.inject(fault, random(Duration::from_millis(600))).await;
            },
        )
        .await;
        let acknowledged = acknowledged.iter().filter(|acknowledged| **acknowledged).count();
        outcomes.acknowledged += acknowledged;
        outcomes.unavailable += USERS - acknowledged;
        self.assert_committed(&cases).await;
        cache_monitor::drain_outbox(&self.readers).await;
        for case in &cases {
            self.assert_rejected(case, "after the outbox was drained").await;
        }
        cases
    }

    /// Asserts that all revocations are committed in the database, even those that were not
    /// acknowledged.
    async fn assert_committed(&self, cases: &[Case]) {
        let hashes: Vec<_> = cases.iter().flat_map(Case::revoked_tokens).map(token_hash).collect();
        let sql = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.revoked_at IS NULL AND s.created_at > u.sessions_since AND s.token_hash = ANY($1)";
        let alive: i64 = self.writers.query_scalar(sql, &[&hashes]).await;
        assert_eq!(alive, 0);
    }
}

fn random(below: Duration) -> Duration {
    below.mul_f64(f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX))
}

#[tokio::test]
async fn every_environment_honours_an_acknowledged_revocation_and_cache_monitor_completes_the_others() {
    let _exclusive = exclusive().await;
    let (systems, mut outcomes, mut cases) = (Systems::start().await, Outcomes::default(), Vec::new());
    for round in 0..ROUNDS {
        cases.extend(systems.run(FAULTS[round % FAULTS.len()], &mut outcomes).await);
    }
    for case in &cases {
        systems.assert_rejected(case, "at the end of the test").await;
    }
    for function in ["auth-me", "journal-list", "profile-get"] {
        let environments = systems.readers.emulator.environments();
        let number = environments.iter().filter(|one| one.function == function).count();
        assert!(number > 1, "a single environment proves nothing about others: {function}");
    }
    println!("{outcomes:?}");
    assert!(outcomes.unavailable * 10 > outcomes.acknowledged, "too few revocations hit a fault: {outcomes:?}");
    assert!(outcomes.acknowledged * 10 > outcomes.unavailable, "too few revocations were acknowledged: {outcomes:?}");
}
