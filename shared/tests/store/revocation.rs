//! Tests the revocation of sessions while Redis is paused, unreachable or restarting, ten thousand
//! times.
//!
//! If the revocation is acknowledged, every environment rejects the token from then on, even an
//! environment that has not noticed the fault. If the response is 503, every environment rejects
//! the token once the outbox is drained.

mod people;

use std::time::{Duration, Instant};

use dev_servers::testing::until;
use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream;
use redis::cmd;
use shared::AppState;
use tokio::time::sleep;

use self::people::{ENDINGS, Someone, Told, is_accepted};
use crate::kai::Kai;
use crate::wire::Wire;

const FAULTS: usize = 100;
const PEOPLE: usize = 100;
/// The time before and after the fault in which sessions are revoked, too.
const MARGIN: Duration = Duration::from_millis(50);
/// The time after which markers have expired. They live for 30 s.
const LAPSED: Duration = Duration::from_secs(31);
/// The interval at which the schedule drains the outbox.
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Redis is paused. After it resumes, it executes the commands that it received meanwhile.
    Stopped,
    /// Redis is killed and restarts without data.
    Restarted,
    /// Redis closes its connections, again and again.
    Dropped,
    /// The commands of the environments that revoke sessions do not reach Redis. Those of the other
    /// environments do.
    Silent,
    /// As [`Self::Silent`], but the connections are closed.
    Refused,
}

const KINDS: [Fault; 5] = [Fault::Stopped, Fault::Restarted, Fault::Dropped, Fault::Silent, Fault::Refused];

/// The environments. Those that revoke sessions use the wire. The others notice nothing when it is
/// cut.
struct World {
    kai: Kai,
    wire: Wire,
    /// An environment that exists throughout the test, and has noticed every fault that affects
    /// reads.
    veteran: AppState,
    /// Environments that exist throughout the test and revoke sessions.
    writers: Vec<AppState>,
}

/// The users of one fault, with the responses that they got.
struct Cohort {
    people: Vec<(Someone, Told)>,
    ended: Instant,
}

fn random(below: u128) -> u64 {
    u64::try_from(u128::from(getrandom::u64().unwrap()) % below.max(1)).unwrap()
}

/// Runs four futures at a time. More concurrent lookups would delay each other beyond their
/// deadline of 25 ms.
async fn few_at_a_time<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(futures).buffer_unordered(4).collect().await
}

impl World {
    async fn start() -> Self {
        let kai = Kai::start().await;
        let (wire, veteran) = (Wire::start(kai.server.redis().port()), kai.environment());
        let writers = (0..2).map(|_| kai.newcomer(&wire.url(), &veteran)).collect();
        Self { kai, wire, veteran, writers }
    }

    /// Returns an environment that trusts the cache, because it has not noticed a fault.
    fn newcomer(&self) -> AppState {
        self.kai.newcomer(&self.kai.server.url(), &self.veteran)
    }

    /// Fills the cache with the sessions of all users, and returns the number of sessions that it
    /// then contains.
    async fn warm(&self, people: &[Someone], readers: &[AppState; 2]) -> usize {
        let tokens: Vec<_> = people.iter().flat_map(Someone::sessions).enumerate().collect();
        let fill = tokens.iter().map(|(number, token)| is_accepted(&readers[number % 2], token));
        few_at_a_time(fill).await;
        let hits = tokens.iter().map(async |(number, token)| {
            let request = readers[(number + 1) % 2].for_request();
            is_accepted(&request, token).await && request.metrics().cache_hits() == 1
        });
        few_at_a_time(hits).await.into_iter().filter(|hit| *hit).count()
    }

    async fn inflict(&self, fault: Fault, length: Duration) {
        let redis = self.kai.server.redis();
        match fault {
            Fault::Stopped => {
                redis.pause();
                sleep(length).await;
                redis.resume();
            }
            Fault::Restarted => {
                redis.kill();
                sleep(length).await;
                redis.restart().unwrap();
            }
            Fault::Dropped => {
                let end = Instant::now() + length;
                while Instant::now() < end {
                    self.kai.server.run(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes"));
                    sleep(Duration::from_millis(random(20))).await;
                }
            }
            Fault::Silent | Fault::Refused => {
                if fault == Fault::Silent {
                    self.wire.swallow()
                } else {
                    self.wire.reject()
                }
                sleep(length).await;
                self.wire.heal();
            }
        }
    }

    /// Revokes the sessions of each user at a random time. If the revocation is acknowledged,
    /// asserts that every environment rejects the token at once.
    async fn end_sessions(
        &self,
        people: Vec<Someone>,
        span: Duration,
        readers: &[AppState; 2],
    ) -> Vec<(Someone, Told)> {
        let fresh = [(); 2].map(|()| self.kai.newcomer(&self.wire.url(), &self.veteran));
        join_all(people.into_iter().enumerate().map(async |(number, someone)| {
            sleep(Duration::from_micros(random(span.as_micros()))).await;
            let writer = if number % 2 == 0 { &fresh[number / 2 % 2] } else { &self.writers[number / 2 % 2] };
            let told = someone.end(writer).await;
            if told == Told::Empty {
                let newcomer = self.newcomer();
                let everybody = readers.iter().chain([&newcomer, &self.veteran, writer]);
                assert_refused(&someone, everybody, "after the acknowledgement").await;
            }
            (someone, told)
        }))
        .await
    }

    /// Injects one fault while users revoke their sessions, and checks the result.
    async fn run(&self, fault: Fault, tally: &mut Tally) -> Cohort {
        let people = Someone::settle(&self.kai, PEOPLE).await;
        let readers = [self.newcomer(), self.newcomer()];
        tally.warm += self.warm(&people, &readers).await;
        let length = Duration::from_millis(20 + random(if random(4) == 0 { 600 } else { 150 }));
        let (people, ()) = join(self.end_sessions(people, length + MARGIN * 2, &readers), async {
            sleep(MARGIN).await;
            self.inflict(fault, length).await;
        })
        .await;
        let unavailable = people.iter().filter(|(_, told)| *told == Told::Unavailable).count();
        tally.unavailable += unavailable;
        tally.done += people.len() - unavailable;
        let ended = people.iter().flat_map(|(someone, _)| someone.ended());
        assert_eq!(self.kai.alive(ended).await, 0, "{fault:?}: every revocation must be committed");
        self.drain().await;
        let everybody = [self.newcomer(), self.newcomer(), self.veteran.clone()];
        let drained = people.iter().map(async |(someone, told)| {
            // Acknowledged revocations have already been checked in all environments.
            let number = if *told == Told::Empty { 1 } else { everybody.len() };
            assert_refused(someone, everybody.iter().take(number), "after the outbox was drained").await;
        });
        few_at_a_time(drained).await;
        Cohort { people, ended: Instant::now() }
    }

    /// Drains the outbox, as the schedule does.
    async fn drain(&self) {
        let (began, monitor) = (Instant::now(), self.newcomer());
        until(async || monitor.store.outbox().drain().await.is_ok()).await;
        assert!(began.elapsed() < MINUTE, "{:?}", began.elapsed());
        assert!(self.kai.outbox().await.is_empty());
    }
}

async fn assert_refused(someone: &Someone, by: impl Iterator<Item = &AppState>, when: &str) {
    for (number, state) in by.enumerate() {
        for token in someone.ended() {
            assert!(
                !is_accepted(state, token).await,
                "{:?}: environment {number} accepts the token {when}",
                someone.ending
            );
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    /// The number of sessions in the cache before the faults.
    warm: usize,
    /// The number of acknowledged revocations.
    done: usize,
    /// The number of revocations with the response 503.
    unavailable: usize,
}

#[tokio::test]
async fn an_acknowledged_revocation_applies_everywhere_and_another_completes_with_the_outbox() {
    let (world, mut tally, mut cohorts) = (World::start().await, Tally::default(), Vec::new());
    for number in 0..FAULTS {
        cohorts.push(world.run(KINDS[number % KINDS.len()], &mut tally).await);
    }
    for cohort in &cohorts {
        sleep(LAPSED.saturating_sub(cohort.ended.elapsed())).await;
        let newcomer = [world.newcomer()];
        let people = cohort.people.iter();
        let lapsed = people.map(|(someone, _)| assert_refused(someone, newcomer.iter(), "after the marker expired"));
        few_at_a_time(lapsed).await;
    }
    println!("{} trials: {tally:?}", FAULTS * PEOPLE);
    assert_eq!(tally.done + tally.unavailable, FAULTS * PEOPLE);
    assert!(tally.unavailable * 10 > tally.done, "too few revocations noticed a fault: {tally:?}");
    assert!(tally.done * 10 > tally.unavailable, "too few revocations were acknowledged: {tally:?}");
    assert!(tally.warm > FAULTS * PEOPLE, "too few sessions were cached, so that few could be stale: {tally:?}");
    assert!(PEOPLE.is_multiple_of(ENDINGS.len()));
}
