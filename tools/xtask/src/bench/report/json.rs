//! The report as JSON, for other programs.

use serde_json::{Value, json};

use super::Report;
use crate::measurement;
use crate::measurement::distribution::micros;

impl measurement::Report for Report {
    /// Returns every figure: durations in microseconds and sizes in bytes.
    fn to_json(&self) -> Value {
        let (build, conditions) = (&self.build, &self.conditions);
        let cases = self.results.iter().map(|(case, measurement)| {
            let references = case.references.iter().map(|reference| {
                let ratio = self.ratio(measurement, reference);
                json!({ "plus": reference.plus, "minus": reference.minus, "target": reference.target, "ratio": ratio })
            });
            let rounds = measurement.rounds.iter().map(|round| round.iter().copied().map(micros).collect::<Vec<_>>());
            let metrics = measurement.metrics.as_ref().map(|metrics| {
                json!({
                    "exchanges": metrics.round_trips.0, "queries": metrics.round_trips.1,
                    "latency": metrics.latency, "cache": metrics.cache, "database": metrics.database, "rest": metrics.rest,
                })
            });
            json!({
                "name": case.name,
                "rounds": rounds.collect::<Vec<_>>(),
                "first_poll": measurement.cold_starts.iter().map(|(poll, _)| micros(*poll)).collect::<Vec<_>>(),
                "first_answer": measurement.cold_starts.iter().map(|(_, first)| micros(*first)).collect::<Vec<_>>(),
                "start_ratio": self.cold_start_ratio(measurement),
                "references": references.collect::<Vec<_>>(),
                "discarded": measurement.discarded,
                "peak_memory": measurement.peak_memory,
                "binary": measurement.binary_size,
                "metrics": metrics,
            })
        });
        let targets = self.targets().into_iter().map(|target| {
            json!({ "what": target.name, "limit": target.limit, "figure": target.figure, "met": target.is_met })
        });
        json!({
            "machine": conditions.machine,
            "processor": self.processor,
            "versions": conditions.versions,
            "profile": conditions.profile,
            "load": [conditions.load_average.0, conditions.load_average.1],
            "build_seconds": build.time.as_secs_f64(),
            "sizes": build.sizes,
            "cases": cases.collect::<Vec<_>>(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }
}
