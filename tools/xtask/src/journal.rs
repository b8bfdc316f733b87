//! Generates the journal of a person: one entry a day, with a mood that rises slowly and has
//! setbacks.
//!
//! Apart from the dates the journal is the same every time, so that two developers see the same
//! data.

mod themes;

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan as _};

use themes::{CLOSING_HEAVY, CLOSING_LIGHT, CLOSING_STEADY, THEMES, Theme};

/// A generated journal entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// A short title. About one entry in five has none.
    pub(crate) title: Option<&'static str>,
    /// A few sentences to a few paragraphs.
    pub(crate) content: String,
    /// The mood from 1.0 to 10.0, in tenths.
    pub(crate) mood: f64,
    /// An emoji that fits the mood.
    pub(crate) mood_emoji: &'static str,
    /// One to four tags.
    pub(crate) tags: Vec<&'static str>,
    /// The time of the entry, which is in the past.
    pub(crate) created_at: Timestamp,
}

/// Generates `count` entries before `now`, oldest first. The generator can produce some thousands
/// of different texts.
pub(crate) fn generate(count: usize, now: Timestamp) -> Vec<Entry> {
    let mut rng = SplitMix64(0x6b61_6921);
    let mut last_theme = THEMES.len();
    let mut contents = BTreeSet::new();
    (0..count)
        .map(|number| {
            let theme = rng.below_except(THEMES.len(), last_theme);
            last_theme = theme;
            let mood = mood(number, count, &mut rng);
            // There is one entry a day, at a random hour, and none in the future.
            let hours = i64::try_from((count - number) * 24 - rng.below(20)).unwrap_or(24);
            let minutes = i64::try_from(rng.below(60)).unwrap_or(0);
            let created_at = now.saturating_sub(hours.hours().minutes(minutes)).unwrap_or(now);
            let theme = THEMES.get(theme)?;
            // No text occurs twice.
            let mut entry = entry(theme, mood, created_at, &mut rng);
            while !contents.insert(entry.content.clone()) {
                entry = self::entry(theme, mood, created_at, &mut rng);
            }
            Some(entry)
        })
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// Returns the mood of an entry: a slow rise from 4 to 7 over the whole time, a dip every seventh
/// day, a bad fortnight in the middle, and some noise.
#[expect(clippy::cast_precision_loss, reason = "numbers of entries and tenths of a mood are small")]
fn mood(number: usize, count: usize, rng: &mut SplitMix64) -> f64 {
    let progress = number as f64 / count.max(1) as f64;
    let dip = if number % 7 == 6 { -1.1 } else { 0.0 };
    let fortnight = if (0.52..0.62).contains(&progress) { -1.9 } else { 0.0 };
    let noise = rng.below(31) as f64 / 10.0 - 1.5;
    let mood = 4.2 + 2.9 * progress + dip + fortnight + noise;
    (mood.clamp(1.0, 10.0) * 10.0).round() / 10.0
}

fn entry(theme: &Theme, mood: f64, created_at: Timestamp, rng: &mut SplitMix64) -> Entry {
    let heavy = mood < 5.0;
    let openings = |theme: &Theme| if heavy { theme.heavy_openings } else { theme.light_openings };
    let titles = if heavy { theme.heavy_titles } else { theme.light_titles };
    let closings = match mood {
        ..4.5 => CLOSING_HEAVY,
        4.5..6.5 => CLOSING_STEADY,
        _ => CLOSING_LIGHT,
    };
    let mut tags = vec![theme.name];
    let mut tag = |tag| {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    };
    let (opening, detail, closing) = (rng.pick(openings(theme)), rng.pick(theme.details), rng.pick(closings));
    let content = match (rng.below(7), THEMES.get(rng.below(THEMES.len()))) {
        (0, _) => format!("{opening} {closing}"),
        (1 | 2, _) => format!("{opening} {detail}"),
        // A long entry about two themes.
        (6, Some(other)) if other.name != theme.name => {
            tag(other.name);
            let (also, more) = (rng.pick(openings(other)), rng.pick(other.details));
            format!("{opening} {detail}\n\n{also} {more}\n\n{closing}")
        }
        _ => format!("{opening} {detail}\n\n{closing}"),
    };
    for _ in 0..rng.below(3) {
        tag(rng.pick(theme.tags));
    }
    let title = (rng.below(5) > 0).then(|| rng.pick(titles));
    Entry { title, content, mood, mood_emoji: emoji(mood, rng), tags, created_at }
}

fn emoji(mood: f64, rng: &mut SplitMix64) -> &'static str {
    rng.pick(match mood {
        ..3.0 => &["😢", "😞", "😣"],
        3.0..4.5 => &["😔", "😟", "😕"],
        4.5..6.0 => &["😐", "😶", "🙂"],
        6.0..7.5 => &["🙂", "😌", "😊"],
        _ => &["😊", "😄", "🥰", "🌞"],
    })
}

/// A small random number generator that returns the same sequence on every machine (Steele, Lea,
/// Flood: "Fast splittable pseudorandom number generators", 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn below_except(&mut self, bound: usize, taken: usize) -> usize {
        let number = self.below(bound);
        if number == taken { (number + 1) % bound.max(1) } else { number }
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from.get(self.below(from.len())).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_journal_is_the_same_every_time() {
        assert_eq!(generate(150, now()), generate(150, now()));
    }

    #[test]
    fn no_two_entries_have_the_same_text() {
        let entries = generate(150, now());
        let texts: BTreeSet<&str> = entries.iter().map(|entry| entry.content.as_str()).collect();
        assert_eq!(texts.len(), 150);
        let themes: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.tags.first().copied()).collect();
        assert_eq!(themes.len(), THEMES.len());
        assert!(entries.iter().any(|entry| entry.title.is_none()) && entries.iter().any(|entry| entry.title.is_some()));
        assert!(
            entries.iter().any(|entry| entry.content.len() < 150)
                && entries.iter().any(|entry| entry.content.len() > 350)
        );
    }

    #[test]
    fn entries_span_five_months_in_order_and_none_is_in_the_future() {
        let entries = generate(150, now());
        assert!(entries.is_sorted_by(|one, next| one.created_at < next.created_at));
        assert!(entries.iter().all(|entry| entry.created_at < now()));
        let days = (now().as_second() - entries.first().unwrap().created_at.as_second()) / 86_400;
        assert!((148..=150).contains(&days), "{days}");
    }

    #[test]
    fn moods_are_valid_and_rise() {
        let entries = generate(150, now());
        assert!(entries.iter().all(|entry| (1.0..=10.0).contains(&entry.mood)));
        let mean = |part: &[Entry]| part.iter().map(|entry| entry.mood).sum::<f64>() / part.len() as f64;
        assert!(mean(&entries[100..]) > mean(&entries[..50]) + 1.0);
        assert!(entries.iter().any(|entry| entry.mood < 3.5) && entries.iter().any(|entry| entry.mood > 8.0));
    }
}
