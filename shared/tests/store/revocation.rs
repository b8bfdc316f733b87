//! The end of sessions while Redis is stopped, cut off, or restarts: ten thousand times.
//!
//! Whoever was told that their sessions are over is refused by every environment from then on, also by those that have noticed nothing of
//! the fault. Whoever was told that this is not known is refused once the outbox is drained.

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
/// Before and after the fault as well, people end their sessions.
const MARGIN: Duration = Duration::from_millis(50);
/// When markers have lapsed, which live for 30 s.
const LAPSED: Duration = Duration::from_secs(31);
/// The schedule drains the outbox once in so long.
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Redis stops, and goes on with what it was sent meanwhile.
    Stopped,
    /// Redis is killed and comes back empty.
    Restarted,
    /// Redis drops its connections, again and again.
    Dropped,
    /// Nothing that the environments of those who end their sessions send reaches Redis; the others reach it.
    Silent,
    /// The same, and connections are refused.
    Refused,
}

const KINDS: [Fault; 5] = [Fault::Stopped, Fault::Restarted, Fault::Dropped, Fault::Silent, Fault::Refused];

/// Many environments. Those that end sessions are behind the wire; the others notice nothing when it is cut.
struct World {
    kai: Kai,
    wire: Wire,
    /// Has been there all the time, and has noticed every fault that can be noticed by reading.
    veteran: AppState,
    /// The same among those that end sessions.
    writers: Vec<AppState>,
}

/// What came of the people of one fault.
struct Cohort {
    people: Vec<(Someone, Told)>,
    ended: Instant,
}

fn random(below: u128) -> u64 {
    u64::try_from(u128::from(getrandom::u64().unwrap()) % below.max(1)).unwrap()
}

/// All at once they would keep each other from Redis, for which a read has milliseconds.
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

    /// An environment that serves whatever the cache says: it knows of no fault.
    fn newcomer(&self) -> AppState {
        self.kai.newcomer(&self.kai.server.url(), &self.veteran)
    }

    /// Fills the cache with everybody's sessions, and returns how many of them it then has.
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

    /// Everybody ends their sessions at a moment of their own, and is at once refused by every environment if told so.
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
                assert_refused(&someone, everybody, "as soon as it was acknowledged").await;
            }
            (someone, told)
        }))
        .await
    }

    /// One fault, and what came of it.
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
        assert_eq!(self.kai.alive(ended).await, 0, "{fault:?}: told or not, it is committed");
        self.drain().await;
        let everybody = [self.newcomer(), self.newcomer(), self.veteran.clone()];
        let drained = people.iter().map(async |(someone, told)| {
            // Of what was acknowledged, everybody knew before.
            let number = if *told == Told::Empty { 1 } else { everybody.len() };
            assert_refused(someone, everybody.iter().take(number), "once the outbox was drained").await;
        });
        few_at_a_time(drained).await;
        Cohort { people, ended: Instant::now() }
    }

    /// Does what the schedule does.
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
            assert!(!is_accepted(state, token).await, "{:?} {when}: environment {number}", someone.ending);
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    /// Sessions that the cache had before the fault.
    warm: usize,
    done: usize,
    unavailable: usize,
}

#[tokio::test]
async fn an_acknowledged_end_of_sessions_is_known_everywhere_and_another_is_finished_by_the_outbox() {
    let (world, mut tally, mut cohorts) = (World::start().await, Tally::default(), Vec::new());
    for number in 0..FAULTS {
        cohorts.push(world.run(KINDS[number % KINDS.len()], &mut tally).await);
    }
    for cohort in &cohorts {
        sleep(LAPSED.saturating_sub(cohort.ended.elapsed())).await;
        let newcomer = [world.newcomer()];
        let people = cohort.people.iter();
        let lapsed = people.map(|(someone, _)| assert_refused(someone, newcomer.iter(), "when the marker had lapsed"));
        few_at_a_time(lapsed).await;
    }
    println!("{} trials: {tally:?}", FAULTS * PEOPLE);
    assert_eq!(tally.done + tally.unavailable, FAULTS * PEOPLE);
    assert!(tally.unavailable * 10 > tally.done, "hardly anybody noticed a fault: {tally:?}");
    assert!(tally.done * 10 > tally.unavailable, "hardly anything was acknowledged: {tally:?}");
    assert!(tally.warm > FAULTS * PEOPLE, "what was not cached could not be stale: {tally:?}");
    assert!(PEOPLE.is_multiple_of(ENDINGS.len()));
}
