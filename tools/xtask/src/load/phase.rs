//! A stretch of time with a constant rate of arrival.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{interval, sleep};

use super::day::{KINDS, Kind, Script};
use super::oha::{Answer, Generator};
use super::people::Person;
use super::stage::Open;
use super::tally::Tally;
use crate::distribution::Distribution;

/// Requests before those that count: the first of a function starts an environment.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long the last metric lines may take.
const LAST_LINES: Duration = Duration::from_millis(500);
/// A rate is too high when fewer of the requests are answered, or more of the answers are late, than this share.
const NEARLY_ALL: f64 = 0.99;
/// When an answer is late, in microseconds.
const LATE: f64 = 500_000.0;

/// What is to be played.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) name: String,
    /// Requests due in a second.
    pub(crate) rate: f64,
    pub(crate) length: Duration,
    /// Whether clients accept it.
    pub(crate) gzip: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) phase: Phase,
    /// Requests that were due.
    pub(crate) due: usize,
    /// By kind.
    pub(crate) answers: BTreeMap<&'static str, Vec<Answer>>,
    pub(crate) told: Tally,
}

impl Open<'_> {
    /// Sends what is due and waits for what comes of it, after a few seconds that do not count. Begins with an empty cache.
    ///
    /// # Errors
    /// A generator fails.
    pub(crate) async fn play(&self, phase: Phase) -> Result<Outcome> {
        let warm_up = Phase { length: WARM_UP, name: "warming up".to_owned(), ..phase.clone() };
        self.send(&warm_up).await?;
        sleep(LAST_LINES).await;
        self.stage.forget()?;
        self.ear.take();
        self.go_on(phase).await
    }

    /// The same without a pause, with the cache as it is.
    ///
    /// # Errors
    /// A generator fails.
    pub(crate) async fn go_on(&self, phase: Phase) -> Result<Outcome> {
        let (due, answers) = self.send(&phase).await?;
        sleep(LAST_LINES).await;
        let outcome = Outcome { phase, due, answers, told: self.ear.take() };
        println!(
            "✓ {}: {:.0} requests a second due, {:.0} answered well",
            outcome.phase.name,
            outcome.phase.rate,
            outcome.throughput()
        );
        Ok(outcome)
    }

    async fn send(&self, phase: &Phase) -> Result<(usize, BTreeMap<&'static str, Vec<Answer>>)> {
        let mut due = 0;
        let mut generators = Vec::new();
        for kind in &KINDS {
            let people: Vec<_> = self.stage.people.iter().step_by(kind.every).collect();
            for (number, person) in people.iter().enumerate() {
                let turn = (number, people.len());
                let Some((delay, generator)) = self.generator(phase, kind, person, turn)? else { continue };
                due += generator.due;
                generators.push(async move {
                    sleep(delay).await;
                    Ok::<_, anyhow::Error>((kind.name, generator.run().await?))
                });
            }
        }
        let results = tokio::select! {
            results = try_join_all(generators) => results?,
            never = progress(phase) => match never {},
        };
        let mut answers: BTreeMap<&'static str, Vec<Answer>> = BTreeMap::new();
        for (kind, more) in results {
            answers.entry(kind).or_default().extend(more);
        }
        Ok((due, answers))
    }

    /// One person's generator for one kind, and how long it waits for its turn: so the requests of a kind are evenly spaced, instead of
    /// everybody's coming at once.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    fn generator<'a>(
        &'a self,
        phase: &Phase,
        kind: &'a Kind,
        person: &'a Person,
        (number, of): (usize, usize),
    ) -> Result<Option<(Duration, Generator<'a>)>> {
        let all = phase.rate * kind.share / 100.0;
        let rate = all / of as f64;
        let delay = Duration::from_secs_f64(number as f64 / all);
        // Rounded up: the first is due at once.
        let due = (phase.length.saturating_sub(delay).as_secs_f64() * rate - 1e-9).ceil().max(0.0) as usize;
        if due == 0 {
            return Ok(None);
        }
        let folder = &self.stage.folder;
        let script = Script::write(kind, person, &self.emulator.url(), folder)?;
        let output = folder.join(format!("{} {}.csv", kind.name, person.user));
        let program = self.stage.oha.as_path();
        Ok(Some((delay, Generator { program, kind, person, script, output, rate, due, gzip: phase.gzip })))
    }
}

/// Shows how much of a phase is over, until it is dropped.
async fn progress(phase: &Phase) -> std::convert::Infallible {
    let bar = ProgressBar::new(phase.length.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg} {pos}/{len} s") {
        bar.set_style(style);
    }
    bar.set_message(format!("{}, {:.0}/s", phase.name, phase.rate));
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        bar.set_position(bar.elapsed().as_secs());
    }
}

impl Outcome {
    fn all(&self) -> impl Iterator<Item = &Answer> {
        self.answers.values().flatten()
    }

    /// Answers that a client can use.
    fn good(&self) -> impl Iterator<Item = &Answer> {
        self.all().filter(|answer| answer.status < 400)
    }

    /// Such answers in a second.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn throughput(&self) -> f64 {
        self.good().count() as f64 / self.phase.length.as_secs_f64()
    }

    /// How many were answered with a status between these.
    pub(crate) fn count(&self, statuses: std::ops::Range<u16>) -> usize {
        self.all().filter(|answer| statuses.contains(&answer.status)).count()
    }

    /// Requests that were due and had no answer at the end.
    pub(crate) fn unanswered(&self) -> usize {
        self.due.saturating_sub(self.all().count())
    }

    /// Latencies of those answers; of one kind, or of all.
    pub(crate) fn latencies(&self, kind: Option<&str>) -> Distribution {
        let answers = self.answers.iter().filter(|(name, _)| kind.is_none_or(|kind| kind == **name));
        let good = answers.flat_map(|(_, answers)| answers).filter(|answer| answer.status < 400);
        Distribution::from_durations(good.map(|answer| answer.latency))
    }

    /// Of a read's body, on average.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn bytes_per_read(&self) -> f64 {
        let reads = self.answers.get("reads").into_iter().flatten().filter(|answer| answer.status == 200);
        let (bytes, count) = reads.fold((0, 0), |(bytes, count), answer| (bytes + answer.bytes, count + 1));
        bytes as f64 / f64::from(count)
    }

    /// Whether nearly all requests are answered, and nearly all answers are in time.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn keeps_up(&self) -> bool {
        let answered = self.good().count() as f64;
        answered >= NEARLY_ALL * self.due as f64 && self.latencies(None).quantile(NEARLY_ALL) <= LATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(due: usize, answers: &[(u16, u64)]) -> Outcome {
        let answer =
            |&(status, millis): &(u16, u64)| Answer { status, latency: Duration::from_millis(millis), bytes: 10 };
        let phase = Phase { name: String::new(), rate: 1.0, length: Duration::from_secs(2), gzip: true };
        let answers = BTreeMap::from([("reads", answers.iter().map(answer).collect())]);
        Outcome { phase, due, answers, told: Tally::default() }
    }

    #[test]
    fn a_rate_is_kept_up_with_when_nearly_all_are_answered_in_time() {
        let good = vec![(200, 400); 100];
        assert!(outcome(100, &good).keeps_up());
        assert!(!outcome(102, &good).keeps_up(), "two unanswered");
        let with = |more: (u16, u64)| [&good[..97], &[more; 3]].concat();
        assert!(!outcome(100, &with((429, 1))).keeps_up(), "somebody was refused");
        assert!(!outcome(100, &with((503, 1))).keeps_up());
        assert!(!outcome(100, &with((200, 501))).keeps_up());
        assert!(!outcome(100, &[]).keeps_up());
    }

    #[test]
    fn answers_are_counted_by_what_became_of_them() {
        let outcome = outcome(5, &[(200, 1), (429, 2), (503, 900)]);
        assert_eq!((outcome.count(200..300), outcome.count(400..500), outcome.count(500..600)), (1, 1, 1));
        assert_eq!((outcome.unanswered(), outcome.throughput()), (2, 0.5));
        assert_eq!(outcome.latencies(None).quantile(1.0), 1000.0, "what failed has no latency");
        assert_eq!((outcome.latencies(Some("message")).median().is_nan(), outcome.bytes_per_read()), (true, 10.0));
    }
}
