//! The measurement: everybody in turn, round after round, so that whatever slows the machine down slows all of them.

mod log;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use emulator::{SingleEnvironment, SingleEnvironmentOptions};
use indicatif::{ProgressBar, ProgressStyle};
use redis::Connection;

pub(crate) use self::log::Told;
use super::answer::Answer;
use super::contestant::Contestant;
use super::fixture::FILLED_AFTER;

/// Invocations at the beginning of a contestant's turn that are not measured: after some seconds without any the function tests
/// its connections first, and a neighbour may have emptied the cache.
const WARM_UP: usize = 5;
/// Attempts at a start whose first answer took another path.
const ATTEMPTS: usize = 5;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) starts: usize,
}

/// What became of one contestant.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Of each round, the invocations.
    pub(crate) rounds: Vec<Vec<Duration>>,
    /// Of each start, the time to the first poll and to the first answer.
    pub(crate) starts: Vec<(Duration, Duration)>,
    /// Invocations that took another path, and are not among the durations.
    pub(crate) strays: usize,
    /// In bytes.
    pub(crate) peak_memory: u64,
    /// In bytes.
    pub(crate) binary_size: u64,
    /// What the function says of itself; floors say nothing.
    pub(crate) told: Option<Told>,
}

/// Runs everybody against everybody. Blocks its thread for minutes; ends early, with an error, once `stopped` is set.
///
/// # Errors
/// A contestant cannot be started, or does not answer as expected most of the time.
pub(crate) fn run(
    contestants: &[Contestant],
    extent: Extent,
    redis_url: &str,
    folder: &Path,
    stopped: &AtomicBool,
) -> Result<Vec<Measured>> {
    let mut redis = redis::Client::open(redis_url)?.get_connection()?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let logs: Vec<PathBuf> = (0..contestants.len()).map(|number| folder.join(format!("{number}.log"))).collect();
    let mut warm = contestants
        .iter()
        .zip(&logs)
        .map(|(contestant, log)| Warm::new(contestant, log))
        .collect::<Result<Vec<_>>>()?;
    in_turns("warm", extent.rounds, &mut warm, stopped, |warm| warm.round(&mut redis))?;
    let mut measured = warm.into_iter().zip(&logs).map(|(warm, log)| warm.finish(log)).collect::<Result<Vec<_>>>()?;
    let mut starting: Vec<_> = contestants.iter().zip(&mut measured).collect();
    in_turns("cold", extent.starts, &mut starting, stopped, |(contestant, measured)| {
        measured.starts.push(start(contestant, &mut redis)?);
        Ok(())
    })?;
    Ok(measured)
}

/// Calls everybody once in each round, each round beginning with another one.
fn in_turns<T>(
    what: &str,
    rounds: usize,
    all: &mut [T],
    stopped: &AtomicBool,
    mut turn: impl FnMut(&mut T) -> Result<()>,
) -> Result<()> {
    let bar = ProgressBar::new((rounds * all.len()) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg} {pos}/{len} ({eta})") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    for round in 0..rounds {
        let (last, first) = all.split_at_mut(round % all.len().max(1));
        for one in first.iter_mut().chain(last) {
            if stopped.load(Ordering::Relaxed) {
                bail!("stopped");
            }
            turn(one)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// A contestant in an environment that stays.
struct Warm<'a> {
    contestant: &'a Contestant,
    environment: SingleEnvironment,
    payloads: std::iter::Cycle<std::slice::Iter<'a, Vec<u8>>>,
    measured: Measured,
}

impl<'a> Warm<'a> {
    fn new(contestant: &'a Contestant, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
        let options = SingleEnvironmentOptions { output: Some(output), ..SingleEnvironmentOptions::default() };
        let environment = SingleEnvironment::spawn(&contestant.binary, &contestant.variables, options)
            .with_context(|| contestant.name.to_owned())?;
        let measured = Measured { binary_size: fs::metadata(&contestant.binary)?.len(), ..Measured::default() };
        Ok(Self { contestant, environment, payloads: contestant.payloads.iter().cycle(), measured })
    }

    fn round(&mut self, redis: &mut Connection) -> Result<()> {
        for _ in 0..WARM_UP.min(self.contestant.per_round) {
            self.invoke(redis)?;
        }
        let mut durations = Vec::with_capacity(self.contestant.per_round);
        for _ in 0..self.contestant.per_round {
            match self.invoke(redis)? {
                Some(duration) => durations.push(duration),
                None => self.measured.strays += 1,
            }
        }
        if durations.is_empty() {
            bail!("{} did not answer as expected in a whole round", self.contestant.name);
        }
        self.measured.rounds.push(durations);
        Ok(())
    }

    fn invoke(&mut self, redis: &mut Connection) -> Result<Option<Duration>> {
        clear(&self.contestant.clears, redis)?;
        let payload = self.payloads.next().context("no payload")?;
        let (response, duration) = self.environment.invoke(payload).with_context(|| self.contestant.name.to_owned())?;
        Ok(is_expected(self.contestant, &response)?.then_some(duration))
    }

    fn finish(mut self, log: &Path) -> Result<Measured> {
        self.measured.peak_memory = self.environment.peak_memory();
        drop(self.environment);
        self.measured.told = Told::read(log)?;
        Ok(self.measured)
    }
}

/// Starts the contestant's binary, and times its first poll and its first answer.
fn start(contestant: &Contestant, redis: &mut Connection) -> Result<(Duration, Duration)> {
    let payload = contestant.payloads.first().context("no payload")?;
    for _ in 0..ATTEMPTS {
        clear(&contestant.clears, redis)?;
        let options = SingleEnvironmentOptions { kill_with_parent: false, ..SingleEnvironmentOptions::default() };
        let began = Instant::now();
        let mut environment = SingleEnvironment::spawn(&contestant.binary, &contestant.variables, options)?;
        let (response, _) = environment.invoke(payload)?;
        let answered = began.elapsed();
        if is_expected(contestant, &response)? {
            let first_poll = environment.time_to_first_poll();
            std::thread::sleep(FILLED_AFTER);
            return Ok((first_poll, answered));
        }
        std::thread::sleep(FILLED_AFTER);
    }
    bail!("{} did not answer as expected after {ATTEMPTS} starts", contestant.name)
}

fn is_expected(contestant: &Contestant, response: &[u8]) -> Result<bool> {
    let answer = Answer::parse(response)?;
    Ok((answer.status_code, answer.header("x-cache")) == contestant.expected)
}

/// Deletes the records, waiting first for the fill that the invocation before has left on its way: it would land after the deletion.
fn clear(keys: &[String], redis: &mut Connection) -> Result<()> {
    for key in keys {
        let end = Instant::now() + FILLED_AFTER;
        while redis::cmd("UNLINK").arg(key).query::<u8>(redis)? == 0 && Instant::now() < end {
            std::hint::spin_loop();
        }
    }
    Ok(())
}
