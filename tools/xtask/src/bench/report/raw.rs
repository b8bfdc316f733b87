//! The figures for other programs.

use serde_json::{Value, json};

use super::Report;
use crate::sample::micros;

impl Report {
    /// Every duration in microseconds, every size in bytes.
    pub(crate) fn raw(&self) -> Value {
        let conditions = &self.conditions;
        let contestants = self.results.iter().map(|(contestant, measured)| {
            let references = contestant.references.iter().map(|reference| {
                let ratio = self.ratio(measured, reference);
                json!({ "plus": reference.plus, "minus": reference.minus, "aim": reference.aim, "ratio": ratio })
            });
            let rounds = measured.rounds.iter().map(|round| round.iter().copied().map(micros).collect::<Vec<_>>());
            let told = measured.told.as_ref().map(|told| {
                json!({
                    "exchanges": told.round_trips.0, "queries": told.round_trips.1,
                    "latency": told.latency, "cache": told.cache, "database": told.database, "rest": told.rest,
                })
            });
            json!({
                "name": contestant.name,
                "rounds": rounds.collect::<Vec<_>>(),
                "first_poll": measured.starts.iter().map(|(poll, _)| micros(*poll)).collect::<Vec<_>>(),
                "first_answer": measured.starts.iter().map(|(_, answer)| micros(*answer)).collect::<Vec<_>>(),
                "start_ratio": self.start_ratio(measured),
                "references": references.collect::<Vec<_>>(),
                "strays": measured.strays,
                "peak_memory": measured.peak_memory,
                "binary": measured.binary_size,
                "told": told,
            })
        });
        let aims = self
            .aims()
            .into_iter()
            .map(|aim| json!({ "what": aim.what, "limit": aim.limit, "figure": aim.figure, "met": aim.met }));
        json!({
            "machine": conditions.machine,
            "processor": conditions.processor,
            "versions": conditions.versions,
            "profile": conditions.profile,
            "load": [conditions.load.0, conditions.load.1],
            "build_seconds": conditions.build.as_secs_f64(),
            "sizes": conditions.sizes,
            "contestants": contestants.collect::<Vec<_>>(),
            "aims": aims.collect::<Vec<_>>(),
        })
    }
}
