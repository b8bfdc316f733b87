//! Normalization of a message to the words that are compared with the lists.
//!
//! Unicode's compatibility decomposition (UAX #15, NFKD) replaces full-width, mathematical and
//! circled letters by plain ones, and separates the accents. The confusables of UTS #39 replace
//! letters that look like Latin ones.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Marks the start of a message, before the first word.
pub(super) const START: &str = "^";
/// Marks the end of a sentence.
pub(super) const END: &str = "$";
/// Stands for a masked letter, as in `k*ll`.
pub(super) const BLOT: char = '*';

/// Replacements that UTS #39 does not have or defines differently: letters that people read as
/// Latin ones in running text, ligatures, and small capitals.
const READ_AS: [(&str, &str); 7] = [
    ("вкмнтпгьγεηκτωχμβ", "bkmhtnrbyenktwxmb"),
    ("ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢꜱꜰ", "abcdeghijklmnoprtuvwyzsf"),
    ("øłđħŧıəɑɡɩɾʋ∂є¢", "oldhtieagirudec"),
    ("ß", "ss"),
    ("æ", "ae"),
    ("œ", "oe"),
    ("þ", "th"),
];

/// Each line has a Latin letter and the letters that UTS #39 maps to exactly that letter. The whole
/// table of UTS #39 is a hundred times as large.
const LOOK_ALIKES: &str = include_str!("normalise/look_alikes.txt");

static LATIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let lines = LOOK_ALIKES.lines().filter_map(|line| line.split_once(' '));
    lines.flat_map(|(latin, letters)| letters.chars().zip(latin.chars().cycle())).collect()
});

/// Returns the words of a message in two readings. In the plain reading, signs separate words. In
/// the dense reading, signs inside a word become letters (`k!ll`) or are removed (`k-i-l-l`). If
/// both are equal, there is only one.
///
/// Each reading begins with [`START`] and has an [`END`] after each sentence.
pub(super) fn readings(message: &str) -> Vec<Vec<String>> {
    let folded = fold(message);
    let plain = join_spelt(plain(&folded));
    let dense = join_spelt(dense(&folded));
    if plain == dense { vec![plain] } else { vec![plain, dense] }
}

/// Converts a text to lower case, removes accents, apostrophes and invisible characters, and
/// replaces letters that look Latin by Latin ones.
pub(super) fn fold(text: &str) -> String {
    // The fast path of most words of the lists, which are folded while the first request waits.
    if text.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return text.to_owned();
    }
    let seen = text.chars().filter(|letter| !is_apostrophe(*letter) && !is_invisible(*letter));
    let mut folded = String::with_capacity(text.len());
    let mut after_small = false;
    for letter in seen.nfkd().filter(|letter| !is_combining_mark(*letter) && !is_invisible(*letter)) {
        if letter == 'I' && after_small {
            // "kiII": in many typefaces a capital I looks like an l. A 1 is read as both.
            folded.push('1');
        } else if letter.is_ascii() {
            after_small = letter.is_ascii_lowercase();
            folded.push(letter.to_ascii_lowercase());
        } else {
            after_small = false;
            push_latin(letter, &mut folded);
        }
    }
    folded
}

fn push_latin(letter: char, folded: &mut String) {
    // Emoji that show letters. Unicode classifies them as symbols, so no other table has them.
    for first in [0x1F150, 0x1F170, 0x1F1E6] {
        let place = u32::from(letter).wrapping_sub(first);
        if let Some(latin) = u8::try_from(place).ok().filter(|place| *place < 26) {
            return folded.push(char::from(b'a' + latin));
        }
    }
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    for (from, to) in READ_AS {
        if let Some(place) = from.chars().position(|other| other == lower) {
            return if from.chars().nth(1).is_none() {
                folded.push_str(to)
            } else {
                folded.extend(to.chars().nth(place))
            };
        }
    }
    folded.push(LATIN.get(&letter).or_else(|| LATIN.get(&lower)).copied().unwrap_or(lower));
}

fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '`' | '´' | '‘' | '’' | '‛' | 'ʼ' | 'ʻ' | '′' | '＇')
}

/// Whether the character is a zero-width character, a soft hyphen, a direction mark, a variation
/// selector, a filler or a control character other than white space.
fn is_invisible(letter: char) -> bool {
    let filler = matches!(
        letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
    );
    let format = matches!(letter, '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}');
    let selector = matches!(letter, '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}');
    filler || format || selector || (letter.is_control() && !letter.is_whitespace())
}

fn ends_sentence(letter: char) -> bool {
    matches!(letter, '.' | '!' | '?' | '\n' | '…' | '。')
}

/// Splits a folded text into words at every character that is not a letter or a digit.
fn plain(folded: &str) -> Vec<String> {
    let mut words = Words::new();
    let mut letters = folded.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_alphanumeric() {
            words.push(letter);
        } else {
            words.finish();
            if ends_sentence(letter) && letters.peek().is_none_or(|next| !next.is_alphanumeric()) {
                words.end();
            }
        }
    }
    words.done()
}

/// Splits a folded text into words at white space, and reads the signs inside each word.
fn dense(folded: &str) -> Vec<String> {
    let mut words = Words::new();
    for chunk in folded.split_whitespace() {
        let inner = chunk.trim_end_matches(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '@' | '$'));
        let last = inner.chars().count();
        for (place, letter) in inner.chars().enumerate() {
            match letter {
                letter if letter.is_alphanumeric() => words.push(letter),
                '@' => words.push('a'),
                '$' => words.push('s'),
                '€' => words.push('e'),
                '£' => words.push('l'),
                '+' if place > 0 => words.push('t'),
                // `spelling` reads a 1 both as `i` and as `l`.
                '!' | '|' | '¡' if place > 0 => words.push('1'),
                BLOT | '#' if place > 0 && place + 1 < last => words.push(BLOT),
                _ => {}
            }
        }
        words.finish();
        if chunk.chars().any(ends_sentence) && chunk.ends_with(|letter: char| !letter.is_alphanumeric()) {
            words.end();
        }
    }
    words.done()
}

/// Joins three or more consecutive words of one letter each. A leading "i" remains a separate word,
/// as in "I k i l l".
fn join_spelt(words: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    let mut run: Vec<String> = Vec::new();
    let flush = |run: &mut Vec<String>, joined: &mut Vec<String>| {
        let letters = run.iter().filter(|word| *word != END).count();
        if letters < 3 {
            joined.append(run);
            return;
        }
        let ended = run.last().is_some_and(|word| word == END);
        let mut letters = run.drain(..).filter(|word| word != END).peekable();
        if letters.peek().is_some_and(|first| first == "i") {
            joined.extend(letters.next());
        }
        joined.push(letters.collect());
        joined.extend(ended.then(|| END.to_owned()));
    };
    for word in words {
        if word == START || word.chars().nth(1).is_some() {
            flush(&mut run, &mut joined);
            joined.push(word);
        } else {
            run.push(word);
        }
    }
    flush(&mut run, &mut joined);
    joined
}

/// The words found so far, and the letters of the current word.
struct Words {
    found: Vec<String>,
    word: String,
}

impl Words {
    fn new() -> Self {
        Self { found: vec![START.to_owned()], word: String::new() }
    }

    fn push(&mut self, letter: char) {
        self.word.push(letter);
    }

    fn finish(&mut self) {
        if !self.word.is_empty() {
            self.found.push(std::mem::take(&mut self.word));
        }
    }

    fn end(&mut self) {
        self.finish();
        if self.found.last().is_some_and(|last| last != END && last != START) {
            self.found.push(END.to_owned());
        }
    }

    fn done(mut self) -> Vec<String> {
        self.end();
        self.found
    }
}

#[cfg(test)]
mod tests;
