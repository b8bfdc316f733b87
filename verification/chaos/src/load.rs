//! The load: tasks that read, write and sign out, all at the same time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::checker::Checker;
use crate::target::{Failure, Target};
use crate::user::{REGISTERS, Resource, User};

/// The number of users that get half of all requests, so that a guard has concurrent readers and
/// writers.
const BUSY_USERS: usize = 4;
/// The maximum number of ended sessions that are used again. It is about the number of session
/// records that have not expired in the cache.
const MAX_ENDED_SESSIONS: usize = 2000;
/// One read in this many uses a session that has ended.
const ENDED_SESSION_RATIO: u32 = 20;
/// The pause after a request that got no response.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The number of tasks of each kind, and their pace.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The number of readers. Each reader sends one request after the other.
    pub readers: usize,
    /// The interval between two reads of a reader. Without an interval, the next read follows the
    /// response.
    pub read_interval: Option<Duration>,
    /// The number of writers.
    pub writers: usize,
    /// The average pause of a writer between two writes.
    pub write_pause: Duration,
    /// The number of tasks that open sessions and sign out.
    pub sign_out_tasks: usize,
    /// The average pause of such a task between two sessions.
    pub sign_out_pause: Duration,
}

/// Starts the tasks, which run until they are dropped.
pub fn spawn<T: Target>(
    target: T,
    checker: &Arc<Checker>,
    users: &Arc<Vec<User>>,
    load: Load,
    seed: u64,
) -> JoinSet<()> {
    let generator =
        Arc::new(Generator { target, checker: Arc::clone(checker), users: Arc::clone(users), ended: Mutex::default() });
    let mut number = 0;
    let mut random = || {
        number += 1;
        StdRng::seed_from_u64(seed.wrapping_add(number))
    };
    let mut tasks = JoinSet::new();
    for _ in 0..load.readers {
        tasks.spawn(Arc::clone(&generator).read(load, random()));
    }
    for _ in 0..load.writers {
        tasks.spawn(Arc::clone(&generator).write(load, random()));
    }
    for _ in 0..if T::HAS_SESSIONS { load.sign_out_tasks } else { 0 } {
        tasks.spawn(Arc::clone(&generator).sign_out(load, random()));
    }
    tasks
}

/// The state that all tasks share.
struct Generator<T> {
    target: T,
    checker: Arc<Checker>,
    users: Arc<Vec<User>>,
    ended: Mutex<VecDeque<EndedSession>>,
}

/// A session whose sign-out was acknowledged.
#[derive(Debug, Clone)]
struct EndedSession {
    /// The index of its user.
    user: usize,
    token: String,
}

impl<T: Target> Generator<T> {
    async fn read(self: Arc<Self>, load: Load, mut random: StdRng) {
        let mut ticks = load.read_interval.map(interval);
        if let Some(ticks) = &mut ticks {
            // A reader does not make up for missed ticks, so that a failed request does not change
            // the rate of the next requests.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            sleep(ticks.period().mul_f64(random.random())).await;
        }
        loop {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let resource = random_resource(&mut random);
            if T::HAS_SESSIONS
                && random.random_ratio(1, ENDED_SESSION_RATIO)
                && let Some(ended) = self.random_ended_session(&mut random)
            {
                self.read_with_ended_session(&ended, resource).await;
                continue;
            }
            let Some(user) = self.random_user(&mut random) else { return };
            if !self.read_once(user, &user.token, resource).await && ticks.is_none() {
                sleep(BACK_OFF).await;
            }
        }
    }

    /// Reads, checks the response, and returns whether there was one.
    async fn read_once(&self, user: &User, token: &str, resource: Resource) -> bool {
        let expectations = user.expect(resource);
        match self.target.read(user, token, resource).await {
            Ok(response) => {
                self.checker.check(user, resource, expectations, response);
                return true;
            }
            Err(Failure::Unavailable) => {}
            Err(other) => self.checker.unexpected(&format!("a read got {other:?}")),
        }
        self.checker.count(|counts| counts.failed_reads += 1);
        false
    }

    async fn write(self: Arc<Self>, load: Load, mut random: StdRng) {
        loop {
            sleep(load.write_pause.mul_f64(2.0 * random.random::<f64>())).await;
            let Some(user) = self.random_user(&mut random) else { return };
            let (resource, number) = (random_resource(&mut random), random.random_range(0..REGISTERS));
            let Some(write) = user.registers(resource).get(number).and_then(|register| register.begin()) else {
                continue;
            };
            loop {
                match self.target.write(user, resource, number, write.version).await {
                    Ok(()) => break,
                    Err(Failure::Unavailable) => {}
                    Err(other) => self.checker.unexpected(&format!("a write got {other:?}")),
                }
                self.checker.count(|counts| counts.failed_writes += 1);
                back_off(&mut random).await;
            }
            write.acknowledge();
            self.checker.count(|counts| counts.writes += 1);
        }
    }

    /// Opens a session, uses it several times concurrently, ends it, and checks that every
    /// environment rejects it.
    async fn sign_out(self: Arc<Self>, load: Load, mut random: StdRng) {
        loop {
            sleep(load.sign_out_pause.mul_f64(2.0 * random.random::<f64>())).await;
            let index = random.random_range(0..self.users.len());
            let Some(user) = self.users.get(index) else { return };
            let Ok(token) = self.target.sign_in(user).await else { continue };
            join_all([0, 1, 0].map(|number| self.read_once(user, &token, resource(number)))).await;
            while let Err(failure) = self.target.sign_out(&token).await {
                if failure != Failure::Unavailable {
                    self.checker.unexpected(&format!("a sign-out got {failure:?}"));
                }
                self.checker.count(|counts| counts.failed_sign_outs += 1);
                back_off(&mut random).await;
            }
            self.checker.count(|counts| counts.sign_outs += 1);
            let ended = EndedSession { user: index, token };
            join_all([0, 1, 0, 1].map(|number| self.read_with_ended_session(&ended, resource(number)))).await;
            let mut all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            all.push_back(ended);
            if all.len() > MAX_ENDED_SESSIONS {
                all.pop_front();
            }
        }
    }

    async fn read_with_ended_session(&self, ended: &EndedSession, resource: Resource) {
        let Some(user) = self.users.get(ended.user) else { return };
        match self.target.read(user, &ended.token, resource).await {
            Ok(response) => {
                let what = format!("{resource:?} of {}, hit: {}", user.id, response.hit);
                self.checker.accepted_after_sign_out(&what);
            }
            Err(Failure::SignedOut) => self.checker.count(|counts| counts.rejections += 1),
            Err(Failure::Unavailable) => {}
            Err(other) => self.checker.unexpected(&format!("an ended session got {other:?}")),
        }
    }

    fn random_user(&self, random: &mut StdRng) -> Option<&User> {
        match random.random() {
            true => self.users.iter().take(BUSY_USERS).collect::<Vec<_>>().choose(random).copied(),
            false => self.users.choose(random),
        }
    }

    fn random_ended_session(&self, random: &mut StdRng) -> Option<EndedSession> {
        let all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (!all.is_empty()).then(|| all.get(random.random_range(0..all.len())).cloned()).flatten()
    }
}

fn random_resource(random: &mut StdRng) -> Resource {
    resource(random.random_range(0..2))
}

fn resource(number: usize) -> Resource {
    if number == 0 { Resource::Profile } else { Resource::Journal }
}

async fn back_off(random: &mut StdRng) {
    sleep(BACK_OFF.mul_f64(1.0 + random.random::<f64>())).await;
}
