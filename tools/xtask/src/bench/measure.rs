//! Measures the cases. They take turns, round after round, so that a disturbance of the machine
//! affects all of them.

mod median_metrics;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use emulator::{SingleEnvironment, SingleEnvironmentOptions};
use redis::Connection;

pub(crate) use self::median_metrics::MedianMetrics;
use super::case::Case;
use super::fixture::FILL_TIMEOUT;
use super::response::Response;
use crate::terminal;

/// The number of invocations at the beginning of a turn that are not measured. After some idle
/// seconds a function tests its connections first, and another case may have deleted cached
/// records.
const WARM_UP: usize = 5;
/// The maximum number of attempts at a cold start whose first invocation takes the measured path.
const ATTEMPTS: usize = 5;

/// The number of measurements of each case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repetitions {
    pub(crate) rounds: usize,
    pub(crate) cold_starts: usize,
}

/// The results of one case.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// The durations of the invocations of each round.
    pub(crate) rounds: Vec<Vec<Duration>>,
    /// The times to the first poll and to the first response of each cold start.
    pub(crate) cold_starts: Vec<(Duration, Duration)>,
    /// The number of invocations that took another path. Their durations are not included.
    pub(crate) discarded: usize,
    /// The peak memory in bytes.
    pub(crate) peak_memory: u64,
    /// The size of the binary in bytes.
    pub(crate) binary_size: u64,
    /// The function's own figures, or `None` for a baseline, which does not print any.
    pub(crate) metrics: Option<MedianMetrics>,
}

/// Measures every case. Blocks its thread for minutes, and fails early once `stopped` is set.
///
/// # Errors
/// A case cannot be started, or does not respond as expected most of the time.
pub(crate) fn run(
    cases: &[Case],
    repetitions: Repetitions,
    redis_url: &str,
    folder: &Path,
    stopped: &AtomicBool,
) -> Result<Vec<Measurement>> {
    let mut redis = redis::Client::open(redis_url)?.get_connection()?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let logs: Vec<PathBuf> = (0..cases.len()).map(|number| folder.join(format!("{number}.log"))).collect();
    let mut warm = cases.iter().zip(&logs).map(|(case, log)| WarmCase::start(case, log)).collect::<Result<Vec<_>>>()?;
    take_turns("warm", repetitions.rounds, &mut warm, stopped, |warm| warm.round(&mut redis))?;
    let mut measurements =
        warm.into_iter().zip(&logs).map(|(warm, log)| warm.finish(log)).collect::<Result<Vec<_>>>()?;
    let mut cold: Vec<_> = cases.iter().zip(&mut measurements).collect();
    take_turns("cold", repetitions.cold_starts, &mut cold, stopped, |(case, measurement)| {
        measurement.cold_starts.push(cold_start(case, &mut redis)?);
        Ok(())
    })?;
    Ok(measurements)
}

/// Calls `turn` once in each round for each item. Each round begins with a different item.
fn take_turns<T>(
    what: &str,
    rounds: usize,
    items: &mut [T],
    stopped: &AtomicBool,
    mut turn: impl FnMut(&mut T) -> Result<()>,
) -> Result<()> {
    let bar = terminal::progress_bar((rounds * items.len()) as u64, "{bar:40} {msg} {pos}/{len} ({eta})");
    bar.set_message(what.to_owned());
    for round in 0..rounds {
        let (last, first) = items.split_at_mut(round % items.len().max(1));
        for item in first.iter_mut().chain(last) {
            if stopped.load(Ordering::Relaxed) {
                bail!("stopped");
            }
            turn(item)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// A case with an environment that stays open between rounds.
struct WarmCase<'a> {
    case: &'a Case,
    environment: SingleEnvironment,
    payloads: std::iter::Cycle<std::slice::Iter<'a, Vec<u8>>>,
    measurement: Measurement,
}

impl<'a> WarmCase<'a> {
    fn start(case: &'a Case, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let options = SingleEnvironmentOptions { output: Some(output), ..SingleEnvironmentOptions::default() };
        let environment =
            SingleEnvironment::spawn(&case.binary, &case.variables, options).with_context(|| case.name.to_owned())?;
        let measurement = Measurement { binary_size: fs::metadata(&case.binary)?.len(), ..Measurement::default() };
        Ok(Self { case, environment, payloads: case.payloads.iter().cycle(), measurement })
    }

    fn round(&mut self, redis: &mut Connection) -> Result<()> {
        for _ in 0..WARM_UP.min(self.case.per_round) {
            self.invoke(redis)?;
        }
        let mut durations = Vec::with_capacity(self.case.per_round);
        for _ in 0..self.case.per_round {
            match self.invoke(redis)? {
                Some(duration) => durations.push(duration),
                None => self.measurement.discarded += 1,
            }
        }
        if durations.is_empty() {
            bail!("{} did not respond as expected during a whole round", self.case.name);
        }
        self.measurement.rounds.push(durations);
        Ok(())
    }

    fn invoke(&mut self, redis: &mut Connection) -> Result<Option<Duration>> {
        delete(&self.case.deleted_keys, redis)?;
        let payload = self.payloads.next().context("the case has no payload")?;
        let (response, duration) = self.environment.invoke(payload).with_context(|| self.case.name.to_owned())?;
        Ok(is_expected(self.case, &response)?.then_some(duration))
    }

    fn finish(mut self, log: &Path) -> Result<Measurement> {
        self.measurement.peak_memory = self.environment.peak_memory();
        drop(self.environment);
        self.measurement.metrics = MedianMetrics::read(log)?;
        Ok(self.measurement)
    }
}

/// Starts the binary, and returns the times to its first poll and to its first response.
fn cold_start(case: &Case, redis: &mut Connection) -> Result<(Duration, Duration)> {
    let payload = case.payloads.first().context("the case has no payload")?;
    for _ in 0..ATTEMPTS {
        delete(&case.deleted_keys, redis)?;
        let options = SingleEnvironmentOptions { kill_with_parent: false, ..SingleEnvironmentOptions::default() };
        let began = Instant::now();
        let mut environment = SingleEnvironment::spawn(&case.binary, &case.variables, options)?;
        let (response, _) = environment.invoke(payload)?;
        let answered = began.elapsed();
        if is_expected(case, &response)? {
            let first_poll = environment.time_to_first_poll();
            std::thread::sleep(FILL_TIMEOUT);
            return Ok((first_poll, answered));
        }
        std::thread::sleep(FILL_TIMEOUT);
    }
    bail!("{} did not respond as expected in {ATTEMPTS} cold starts", case.name)
}

fn is_expected(case: &Case, payload: &[u8]) -> Result<bool> {
    let response = Response::parse(payload)?;
    Ok((response.status_code, response.header("x-cache")) == case.expected)
}

/// Deletes the keys. If a key is missing, the previous invocation may still be filling it. The
/// function then waits for the fill, which would otherwise arrive after the deletion.
fn delete(keys: &[String], redis: &mut Connection) -> Result<()> {
    for key in keys {
        let end = Instant::now() + FILL_TIMEOUT;
        while redis::cmd("UNLINK").arg(key).query::<u8>(redis)? == 0 && Instant::now() < end {
            std::hint::spin_loop();
        }
    }
    Ok(())
}
