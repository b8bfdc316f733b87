//! Sessions that end while Redis is stopped, cut off or restarts: some hundreds of times.
//!
//! Two systems share a database and a Redis. People end their sessions in one of them, which may be cut off from Redis; the other reaches Redis all
//! the while, has everybody's session in its cache, and notices nothing. Whoever is told that their sessions are over is refused by both from
//! then on; whoever is told 503 is refused once the schedule has finished the outbox.

use std::time::Duration;

use api_tests::{PostgresChoice, RedisChoice, Request, Setup, TestApp, TestUser, token_hash, wait_until};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{join, join_all};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::time::sleep;

use super::{alone, own_redis};

const ROUNDS: usize = 16;
/// What the people of one round do, one after the other. A password's hash takes longer than all else.
const ENDINGS: [Ending; 6] = [
    Ending::SignOut,
    Ending::SignOutHere,
    Ending::PasswordChange,
    Ending::SignOutHere,
    Ending::SignOut,
    Ending::Deletion,
];
const PEOPLE: usize = 3 * ENDINGS.len();
/// How many end their sessions at a time, and how many environments a function has: as many as are asked at a time.
const AT_ONCE: usize = 3;
const ENVIRONMENTS: usize = 2 * AT_ONCE;

const NEW_PASSWORD: &str = "seven calm otters";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    SignOut,
    SignOutHere,
    PasswordChange,
    Deletion,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Redis stops, and goes on with what it was sent meanwhile.
    Stopped,
    /// Nothing that is sent where people end their sessions reaches Redis.
    Silent,
    /// The same, and connections are refused.
    Refused,
    /// Redis is killed and comes back empty.
    Restarted,
}

const FAULTS: [Fault; 4] = [Fault::Stopped, Fault::Silent, Fault::Refused, Fault::Restarted];

/// Somebody with a session, in which they end it, and another one.
struct Someone {
    ending: Ending,
    user: TestUser,
    elsewhere: String,
}

impl Someone {
    fn end(&self) -> Request {
        match self.ending {
            Ending::SignOut => self.user.request("POST", "/api/auth/logout"),
            Ending::SignOutHere => self.user.request("POST", "/api/auth/logout?scope=this"),
            Ending::PasswordChange => {
                let passwords = json!({"old_password": self.user.password, "new_password": NEW_PASSWORD});
                self.user.post("/api/auth/change-password", &passwords)
            }
            Ending::Deletion => self.user.request("DELETE", "/api/account"),
        }
    }

    fn sessions(&self) -> [&str; 2] {
        [&self.user.token, &self.elsewhere]
    }

    /// The sessions that are over once the person was told so.
    fn ended(&self) -> impl Iterator<Item = &str> {
        self.sessions().into_iter().take(if self.ending == Ending::SignOutHere { 1 } else { 2 })
    }
}

#[derive(Debug, Default)]
struct Tally {
    acknowledged: usize,
    unavailable: usize,
}

struct World {
    /// Where sessions are ended.
    writers: TestApp,
    /// Where nothing is noticed of what happens between the writers and Redis.
    readers: TestApp,
    /// A password, and a hash of it.
    password: (String, String),
}

impl World {
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

    async fn settle(&self, ending: Ending) -> Someone {
        let mut user = self.writers.new_user().await;
        let elsewhere = self.writers.open_session(user.id).await;
        user.password.clone_from(&self.password.0);
        let sql = "UPDATE users SET password_hash = $2 WHERE id = $1";
        self.writers.query(sql, &[&user.id, &self.password.1]).await;
        let someone = Someone { ending, user, elsewhere };
        for token in someone.sessions() {
            wait_until(Duration::from_secs(10), "a hit", async || {
                self.readers.anonymous().with_token(token).get("/api/auth/me").await.cache_status() == "hit"
            })
            .await;
        }
        someone
    }

    async fn inflict(&self, fault: Fault, length: Duration) {
        let (redis, proxy) = (self.writers.own_redis.as_ref().unwrap(), self.writers.redis_proxy.as_ref().unwrap());
        match fault {
            Fault::Stopped => {
                redis.pause();
                sleep(length).await;
                redis.resume();
            }
            Fault::Silent => {
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

    /// Ends somebody's sessions. Returns whether that was acknowledged, upon which every environment refuses them.
    async fn end(&self, someone: &Someone) -> bool {
        sleep(random(Duration::from_millis(40))).await;
        let response = someone.end().await;
        if response.status == 503 {
            assert!(response.header("retry-after").is_some(), "{}", response.text());
            return false;
        }
        assert!([200, 204].contains(&response.status), "{:?}: {}", someone.ending, response.text());
        self.assert_refused(someone, "as soon as it was acknowledged").await;
        true
    }

    /// Asks several environments at once.
    async fn assert_refused(&self, someone: &Someone, when: &str) {
        let paths = ["/api/auth/me", "/api/journal/entries", &someone.user.profile_path()];
        for token in someone.ended() {
            let asked = [&self.readers, &self.readers, &self.writers].map(|app| app.anonymous().with_token(token));
            let asked = asked.iter().flat_map(|client| paths.iter().map(|path| client.get(*path).into_future()));
            let statuses: Vec<_> = join_all(asked).await.iter().map(|response| response.status).collect();
            assert_eq!(statuses, [401; 9], "{:?} {when}", someone.ending);
        }
    }

    /// One fault, and what came of those who ended their sessions about that time.
    async fn run(&self, fault: Fault, tally: &mut Tally) -> Vec<Someone> {
        let users: Vec<_> = stream::iter((0..PEOPLE).map(|number| self.settle(ENDINGS[number % ENDINGS.len()])))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let (told, ()) = join(
            stream::iter(users.iter().map(|someone| self.end(someone))).buffered(AT_ONCE).collect::<Vec<_>>(),
            async {
                sleep(random(Duration::from_millis(200))).await;
                self.inflict(fault, random(Duration::from_millis(600))).await;
            },
        )
        .await;
        let acknowledged = told.iter().filter(|told| **told).count();
        tally.acknowledged += acknowledged;
        tally.unavailable += PEOPLE - acknowledged;
        self.assert_committed(&users).await;
        wait_until(Duration::from_secs(10), "the outbox is finished", async || {
            self.readers.invoke("cache-monitor", &json!({})).await.is_ok()
        })
        .await;
        for someone in &users {
            self.assert_refused(someone, "once the outbox was finished").await;
        }
        users
    }

    /// Acknowledged or not, the database knows of it.
    async fn assert_committed(&self, users: &[Someone]) {
        let hashes: Vec<_> = users.iter().flat_map(Someone::ended).map(token_hash).collect();
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
    let _alone = alone().await;
    let (world, mut tally, mut everybody) = (World::start().await, Tally::default(), Vec::new());
    for round in 0..ROUNDS {
        everybody.extend(world.run(FAULTS[round % FAULTS.len()], &mut tally).await);
    }
    for someone in &everybody {
        world.assert_refused(someone, "in the end").await;
    }
    for function in ["auth-me", "journal-list", "profile-get"] {
        let environments = world.readers.emulator.environments();
        let number = environments.iter().filter(|one| one.function == function).count();
        assert!(number > 1, "one environment proves nothing about others: {function}");
    }
    println!("{tally:?}");
    assert!(tally.unavailable * 10 > tally.acknowledged, "hardly anybody noticed a fault: {tally:?}");
    assert!(tally.acknowledged * 10 > tally.unavailable, "hardly anything was acknowledged: {tally:?}");
}
