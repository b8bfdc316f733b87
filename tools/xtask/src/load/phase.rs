//! A phase of a load test: a period of time with a constant arrival rate.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::{interval, sleep};

use super::fixture::Api;
use super::oha::{Generator, Response};
use super::summary::Summary;
use super::users::User;
use super::workload::{REQUEST_KINDS, RequestKind, Script};
use crate::measurement::distribution::Distribution;
use crate::terminal;

/// The length of the warm-up, whose requests do not count. The first request of a function starts
/// an environment.
const WARM_UP: Duration = Duration::from_secs(5);
/// The time to wait for the last metric lines.
const METRICS_DELAY: Duration = Duration::from_millis(500);
/// The share of requests that must be answered, and of responses that must be in time, for a rate
/// to be sustained.
const SUSTAINED_SHARE: f64 = 0.99;
/// The latency above which a response is late, in microseconds.
const LATE: f64 = 500_000.0;

/// The rate and the length of a phase.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) name: String,
    /// The requests due per second.
    pub(crate) rate: f64,
    pub(crate) length: Duration,
    /// Whether clients accept gzip.
    pub(crate) gzip: bool,
}

/// The results of a phase.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) phase: Phase,
    /// The number of requests that were due.
    pub(crate) due: usize,
    /// The responses by kind of request.
    pub(crate) responses: BTreeMap<&'static str, Vec<Response>>,
    pub(crate) summary: Summary,
}

impl Api<'_> {
    /// Runs a phase with an empty cache, after a warm-up that does not count.
    ///
    /// # Errors
    /// A generator fails.
    pub(crate) async fn run(&self, phase: Phase) -> Result<Outcome> {
        let warm_up = Phase { length: WARM_UP, name: "warming up".to_owned(), ..phase.clone() };
        self.send(&warm_up).await?;
        sleep(METRICS_DELAY).await;
        self.fixture.flush_cache()?;
        self.collector.take();
        self.run_warm(phase).await
    }

    /// Runs a phase immediately, with the cache as it is.
    ///
    /// # Errors
    /// A generator fails.
    pub(crate) async fn run_warm(&self, phase: Phase) -> Result<Outcome> {
        let (due, responses) = self.send(&phase).await?;
        sleep(METRICS_DELAY).await;
        let outcome = Outcome { phase, due, responses, summary: self.collector.take() };
        println!(
            "✓ {}: {:.0} requests per second were due, {:.0} succeeded",
            outcome.phase.name,
            outcome.phase.rate,
            outcome.throughput()
        );
        Ok(outcome)
    }

    async fn send(&self, phase: &Phase) -> Result<(usize, BTreeMap<&'static str, Vec<Response>>)> {
        let mut due = 0;
        let mut generators = Vec::new();
        for kind in &REQUEST_KINDS {
            let users: Vec<_> = self.fixture.users.iter().step_by(kind.every).collect();
            for (number, user) in users.iter().enumerate() {
                let turn = (number, users.len());
                let Some((delay, generator)) = self.generator(phase, kind, user, turn)? else { continue };
                due += generator.due;
                generators.push(async move {
                    sleep(delay).await;
                    Ok::<_, anyhow::Error>((kind.name, generator.run().await?))
                });
            }
        }
        let results = tokio::select! {
            results = try_join_all(generators) => results?,
            never = show_progress(phase) => match never {},
        };
        let mut responses: BTreeMap<&'static str, Vec<Response>> = BTreeMap::new();
        for (kind, more) in results {
            responses.entry(kind).or_default().extend(more);
        }
        Ok((due, responses))
    }

    /// Returns a user's load generator for a kind of request, and the delay before it starts. The
    /// delays space the requests of a kind evenly. Without them all users would send their requests
    /// at the same time. Returns `None` if no request is due.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the values are small and not negative"
    )]
    fn generator<'a>(
        &'a self,
        phase: &Phase,
        kind: &'a RequestKind,
        user: &'a User,
        (number, of): (usize, usize),
    ) -> Result<Option<(Duration, Generator<'a>)>> {
        let all = phase.rate * kind.share / 100.0;
        let rate = all / of as f64;
        let delay = Duration::from_secs_f64(number as f64 / all);
        // The number is rounded up, because the first request is due immediately.
        let due = (phase.length.saturating_sub(delay).as_secs_f64() * rate - 1e-9).ceil().max(0.0) as usize;
        if due == 0 {
            return Ok(None);
        }
        let folder = &self.fixture.folder;
        let script = Script::write(kind, user, &self.emulator.url(), folder)?;
        let output = folder.join(format!("{} {}.csv", kind.name, user.id));
        let program = self.fixture.oha.as_path();
        Ok(Some((delay, Generator { program, kind, user, script, output, rate, due, gzip: phase.gzip })))
    }
}

/// Shows the progress of a phase until the future is dropped.
async fn show_progress(phase: &Phase) -> std::convert::Infallible {
    let bar = terminal::progress_bar(phase.length.as_secs(), "{bar:40} {msg} {pos}/{len} s");
    bar.set_message(format!("{}, {:.0}/s", phase.name, phase.rate));
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        bar.set_position(bar.elapsed().as_secs());
    }
}

impl Outcome {
    fn all(&self) -> impl Iterator<Item = &Response> {
        self.responses.values().flatten()
    }

    fn successful(&self) -> impl Iterator<Item = &Response> {
        self.all().filter(|response| response.is_success())
    }

    /// Returns the successful responses per second.
    #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
    pub(crate) fn throughput(&self) -> f64 {
        self.successful().count() as f64 / self.phase.length.as_secs_f64()
    }

    /// Counts the responses with a status in this range.
    pub(crate) fn count(&self, statuses: std::ops::Range<u16>) -> usize {
        self.all().filter(|response| statuses.contains(&response.status)).count()
    }

    /// Counts the requests that were due and have no response.
    pub(crate) fn unanswered(&self) -> usize {
        self.due.saturating_sub(self.all().count())
    }

    /// Returns the latencies of the successful responses, of one kind of request or of all.
    pub(crate) fn latencies(&self, kind: Option<&str>) -> Distribution {
        let responses = self.responses.iter().filter(|(name, _)| kind.is_none_or(|kind| kind == **name));
        let successful = responses.flat_map(|(_, responses)| responses).filter(|response| response.is_success());
        Distribution::from_durations(successful.map(|response| response.latency))
    }

    /// Returns the mean size of a read's body in bytes.
    #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
    pub(crate) fn bytes_per_read(&self) -> f64 {
        let reads = self.responses.get("reads").into_iter().flatten().filter(|response| response.status == 200);
        let (bytes, count) = reads.fold((0, 0), |(bytes, count), response| (bytes + response.bytes, count + 1));
        bytes as f64 / f64::from(count)
    }

    /// Returns whether the rate was sustained: nearly all requests have a successful response, and
    /// nearly all of these responses are in time.
    #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
    pub(crate) fn is_sustained(&self) -> bool {
        let successful = self.successful().count() as f64;
        successful >= SUSTAINED_SHARE * self.due as f64 && self.latencies(None).quantile(SUSTAINED_SHARE) <= LATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(due: usize, responses: &[(u16, u64)]) -> Outcome {
        let response =
            |&(status, millis): &(u16, u64)| Response { status, latency: Duration::from_millis(millis), bytes: 10 };
        let phase = Phase { name: String::new(), rate: 1.0, length: Duration::from_secs(2), gzip: true };
        let responses = BTreeMap::from([("reads", responses.iter().map(response).collect())]);
        Outcome { phase, due, responses, summary: Summary::default() }
    }

    #[test]
    fn a_rate_is_sustained_when_nearly_all_requests_are_answered_in_time() {
        let successful = vec![(200, 400); 100];
        assert!(outcome(100, &successful).is_sustained());
        assert!(!outcome(102, &successful).is_sustained(), "two requests have no response");
        let with = |more: (u16, u64)| [&successful[..97], &[more; 3]].concat();
        assert!(!outcome(100, &with((429, 1))).is_sustained(), "some requests were rejected");
        assert!(!outcome(100, &with((503, 1))).is_sustained());
        assert!(!outcome(100, &with((200, 501))).is_sustained());
        assert!(!outcome(100, &[]).is_sustained());
    }

    #[test]
    fn responses_are_counted_by_status() {
        let outcome = outcome(5, &[(200, 1), (429, 2), (503, 900)]);
        assert_eq!((outcome.count(200..300), outcome.count(400..500), outcome.count(500..600)), (1, 1, 1));
        assert_eq!((outcome.unanswered(), outcome.throughput()), (2, 0.5));
        assert_eq!(outcome.latencies(None).quantile(1.0), 1000.0, "the latency of an error does not count");
        assert_eq!((outcome.latencies(Some("message")).median().is_nan(), outcome.bytes_per_read()), (true, 10.0));
    }
}
