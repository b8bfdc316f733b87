//! A journal of five months, as a person might have kept it: about an entry a day, a low spring, a slow way up with setbacks.
//!
//! The same every time, apart from the dates, so that what one person sees another can see as well.

mod themes;

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan as _};

use themes::{CLOSING_HEAVY, CLOSING_LIGHT, CLOSING_STEADY, THEMES, Theme};

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Short, and not always there.
    pub(crate) title: Option<&'static str>,
    /// From a sentence to a few paragraphs.
    pub(crate) content: String,
    /// From 1.0 to 10.0, in tenths.
    pub(crate) mood: f64,
    /// What a person would pick for that mood.
    pub(crate) mood_emoji: &'static str,
    /// One to four.
    pub(crate) tags: Vec<&'static str>,
    /// In the past.
    pub(crate) created_at: Timestamp,
}

/// Writes that many entries up to now, oldest first. There are some thousands of different ones in it.
pub(crate) fn write(count: usize, now: Timestamp) -> Vec<Entry> {
    let mut chance = Chance(0x6b61_6921);
    let mut last_theme = THEMES.len();
    let mut written = BTreeSet::new();
    (0..count)
        .map(|number| {
            let theme = chance.below_except(THEMES.len(), last_theme);
            last_theme = theme;
            let mood = mood(number, count, &mut chance);
            // A day apart, at some hour of that day, and never in the future.
            let hours = i64::try_from((count - number) * 24 - chance.below(20)).unwrap_or(24);
            let minutes = i64::try_from(chance.below(60)).unwrap_or(0);
            let created_at = now.saturating_sub(hours.hours().minutes(minutes)).unwrap_or(now);
            let theme = THEMES.get(theme)?;
            // Nobody writes the same twice.
            let mut entry = entry(theme, mood, created_at, &mut chance);
            while !written.insert(entry.content.clone()) {
                entry = self::entry(theme, mood, created_at, &mut chance);
            }
            Some(entry)
        })
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// A slow rise from 4 to 7 over the whole time, a dip every seventh day, a bad fortnight in the middle, and some chance.
#[expect(clippy::cast_precision_loss, reason = "numbers of entries and tenths of a mood are small")]
fn mood(number: usize, count: usize, chance: &mut Chance) -> f64 {
    let progress = number as f64 / count.max(1) as f64;
    let dip = if number % 7 == 6 { -1.1 } else { 0.0 };
    let fortnight = if (0.52..0.62).contains(&progress) { -1.9 } else { 0.0 };
    let noise = chance.below(31) as f64 / 10.0 - 1.5;
    let mood = 4.2 + 2.9 * progress + dip + fortnight + noise;
    (mood.clamp(1.0, 10.0) * 10.0).round() / 10.0
}

fn entry(theme: &Theme, mood: f64, created_at: Timestamp, chance: &mut Chance) -> Entry {
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
    let (opening, detail, closing) = (chance.pick(openings(theme)), chance.pick(theme.details), chance.pick(closings));
    let content = match (chance.below(7), THEMES.get(chance.below(THEMES.len()))) {
        (0, _) => format!("{opening} {closing}"),
        (1 | 2, _) => format!("{opening} {detail}"),
        // A long evening, and more than one thing in it.
        (6, Some(other)) if other.name != theme.name => {
            tag(other.name);
            let (also, more) = (chance.pick(openings(other)), chance.pick(other.details));
            format!("{opening} {detail}\n\n{also} {more}\n\n{closing}")
        }
        _ => format!("{opening} {detail}\n\n{closing}"),
    };
    for _ in 0..chance.below(3) {
        tag(chance.pick(theme.tags));
    }
    let title = (chance.below(5) > 0).then(|| chance.pick(titles));
    Entry { title, content, mood, mood_emoji: emoji(mood, chance), tags, created_at }
}

fn emoji(mood: f64, chance: &mut Chance) -> &'static str {
    chance.pick(match mood {
        ..3.0 => &["😢", "😞", "😣"],
        3.0..4.5 => &["😔", "😟", "😕"],
        4.5..6.0 => &["😐", "😶", "🙂"],
        6.0..7.5 => &["🙂", "😌", "😊"],
        _ => &["😊", "😄", "🥰", "🌞"],
    })
}

/// The generator `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): small, and the same
/// on every machine.
struct Chance(u64);

impl Chance {
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
    fn the_same_journal_is_written_every_time() {
        assert_eq!(write(150, now()), write(150, now()));
    }

    #[test]
    fn no_two_entries_are_alike() {
        let entries = write(150, now());
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
    fn five_months_pass_in_order_and_none_of_it_is_in_the_future() {
        let entries = write(150, now());
        assert!(entries.is_sorted_by(|one, next| one.created_at < next.created_at));
        assert!(entries.iter().all(|entry| entry.created_at < now()));
        let days = (now().as_second() - entries.first().unwrap().created_at.as_second()) / 86_400;
        assert!((148..=150).contains(&days), "{days}");
    }

    #[test]
    fn moods_are_valid_and_rise() {
        let entries = write(150, now());
        assert!(entries.iter().all(|entry| (1.0..=10.0).contains(&entry.mood)));
        let mean = |part: &[Entry]| part.iter().map(|entry| entry.mood).sum::<f64>() / part.len() as f64;
        assert!(mean(&entries[100..]) > mean(&entries[..50]) + 1.0);
        assert!(entries.iter().any(|entry| entry.mood < 3.5) && entries.iter().any(|entry| entry.mood > 8.0));
    }
}
