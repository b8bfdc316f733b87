//! Readers, writers and those who sign out, all at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::arm::{Arm, Failure};
use crate::checker::{Checker, count};
use crate::subject::{Document, REGISTERS, Subject};

/// So many of the subjects get half of all requests, so that a guard has readers and writers at the same moment.
const BUSY: usize = 4;
/// How many ended sessions are tried again now and then: about as many as a session's record would live for.
const REMEMBERED: usize = 2000;
/// One request in so many comes with a session that has ended.
const WITH_AN_ENDED_SESSION: u32 = 20;
/// Whoever got no answer waits before the next request.
const BACK_OFF: Duration = Duration::from_millis(50);

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Who read, each one request after the other.
    pub readers: usize,
    /// How often each of them begins to read; without it, as soon as the last answer is there.
    pub read_every: Option<Duration>,
    /// Who write.
    pub writers: usize,
    /// How long each of them waits between two writes, on average.
    pub write_pause: Duration,
    /// Who open sessions and sign out.
    pub leavers: usize,
    /// How long each of them waits between two sessions, on average.
    pub leave_pause: Duration,
}

/// A session that has ended, as its owner was told.
#[derive(Debug, Clone)]
struct Ended {
    subject: usize,
    token: String,
}

/// What all tasks share.
struct Shared<A> {
    arm: A,
    checker: Arc<Checker>,
    subjects: Arc<Vec<Subject>>,
    ended: Mutex<VecDeque<Ended>>,
}

/// Begins, and goes on until the tasks are dropped.
pub fn begin<A: Arm>(
    arm: A,
    checker: &Arc<Checker>,
    subjects: &Arc<Vec<Subject>>,
    load: Load,
    seed: u64,
) -> JoinSet<()> {
    let shared =
        Arc::new(Shared { arm, checker: Arc::clone(checker), subjects: Arc::clone(subjects), ended: Mutex::default() });
    let mut number = 0;
    let mut random = || {
        number += 1;
        StdRng::seed_from_u64(seed.wrapping_add(number))
    };
    let mut tasks = JoinSet::new();
    for _ in 0..load.readers {
        tasks.spawn(Arc::clone(&shared).read(load, random()));
    }
    for _ in 0..load.writers {
        tasks.spawn(Arc::clone(&shared).write(load, random()));
    }
    for _ in 0..if A::HAS_SESSIONS { load.leavers } else { 0 } {
        tasks.spawn(Arc::clone(&shared).leave(load, random()));
    }
    tasks
}

impl<A: Arm> Shared<A> {
    async fn read(self: Arc<Self>, load: Load, mut random: StdRng) {
        let mut ticks = load.read_every.map(interval);
        if let Some(ticks) = &mut ticks {
            // A reader who had to wait does not make up for it: no request comes at another rate because the last one failed.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            sleep(ticks.period().mul_f64(random.random())).await;
        }
        loop {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let document = document(&mut random);
            if A::HAS_SESSIONS
                && random.random_ratio(1, WITH_AN_ENDED_SESSION)
                && let Some(ended) = self.ended(&mut random)
            {
                self.try_ended(&ended, document).await;
                continue;
            }
            let Some(subject) = self.subject(&mut random) else { return };
            if !self.read_once(subject, &subject.token, document).await && ticks.is_none() {
                sleep(BACK_OFF).await;
            }
        }
    }

    /// Reads and judges. Returns whether there was an answer.
    async fn read_once(&self, subject: &Subject, token: &str, document: Document) -> bool {
        let expectations = subject.expect(document);
        match self.arm.read(subject, token, document).await {
            Ok(answer) => {
                self.checker.answered(subject, document, expectations, answer);
                return true;
            }
            Err(Failure::Unavailable) => {}
            Err(other) => self.checker.unexpected(&format!("a read got {other:?}")),
        }
        count(&self.checker.tally.failed_reads);
        false
    }

    async fn write(self: Arc<Self>, load: Load, mut random: StdRng) {
        loop {
            sleep(load.write_pause.mul_f64(2.0 * random.random::<f64>())).await;
            let Some(subject) = self.subject(&mut random) else { return };
            let (document, number) = (document(&mut random), random.random_range(0..REGISTERS));
            let Some(write) = subject.registers(document).get(number).and_then(|register| register.begin()) else {
                continue;
            };
            loop {
                match self.arm.write(subject, document, number, write.version).await {
                    Ok(()) => break,
                    Err(Failure::Unavailable) => {}
                    Err(other) => self.checker.unexpected(&format!("a write got {other:?}")),
                }
                count(&self.checker.tally.failed_writes);
                sleep(BACK_OFF.mul_f64(1.0 + random.random::<f64>())).await;
            }
            write.acknowledge();
            count(&self.checker.tally.writes);
        }
    }

    /// Opens a session, uses it in several places at once, ends it, and tries whether it has ended everywhere.
    async fn leave(self: Arc<Self>, load: Load, mut random: StdRng) {
        loop {
            sleep(load.leave_pause.mul_f64(2.0 * random.random::<f64>())).await;
            let number = random.random_range(0..self.subjects.len());
            let Some(subject) = self.subjects.get(number) else { return };
            let Ok(token) = self.arm.sign_in(subject).await else { continue };
            join_all([0, 1, 0].map(|kind| self.read_once(subject, &token, both(kind)))).await;
            while let Err(failure) = self.arm.sign_out(&token).await {
                if failure != Failure::Unavailable {
                    self.checker.unexpected(&format!("a sign-out got {failure:?}"));
                }
                count(&self.checker.tally.failed_sign_outs);
                sleep(BACK_OFF.mul_f64(1.0 + random.random::<f64>())).await;
            }
            count(&self.checker.tally.sign_outs);
            let ended = Ended { subject: number, token };
            join_all([0, 1, 0, 1].map(|kind| self.try_ended(&ended, both(kind)))).await;
            let mut all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            all.push_back(ended);
            if all.len() > REMEMBERED {
                all.pop_front();
            }
        }
    }

    async fn try_ended(&self, ended: &Ended, document: Document) {
        let Some(subject) = self.subjects.get(ended.subject) else { return };
        match self.arm.read(subject, &ended.token, document).await {
            Ok(answer) => {
                let what = format!("{document:?} of {}, hit: {}", subject.id, answer.hit);
                self.checker.accepted_after_sign_out(&what);
            }
            Err(Failure::SignedOut) => count(&self.checker.tally.refusals),
            Err(Failure::Unavailable) => {}
            Err(other) => self.checker.unexpected(&format!("an ended session got {other:?}")),
        }
    }

    fn subject(&self, random: &mut StdRng) -> Option<&Subject> {
        match random.random() {
            true => self.subjects.iter().take(BUSY).collect::<Vec<_>>().choose(random).copied(),
            false => self.subjects.choose(random),
        }
    }

    fn ended(&self, random: &mut StdRng) -> Option<Ended> {
        let all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (!all.is_empty()).then(|| all.get(random.random_range(0..all.len())).cloned()).flatten()
    }
}

fn document(random: &mut StdRng) -> Document {
    both(random.random_range(0..2))
}

fn both(number: usize) -> Document {
    if number == 0 { Document::Profile } else { Document::Journal }
}
