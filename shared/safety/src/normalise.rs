//! From a message as it was typed to the words that the lists are compared with.
//!
//! Unicode's compatibility decomposition (UAX #15, NFKD) makes plain letters of full-width, mathematical and circled ones and takes the
//! accents off; the confusables of UTS #39 make Latin letters of those that only look so.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Stands before the first word of a message.
pub(super) const START: &str = "^";
/// Stands where a sentence ends.
pub(super) const END: &str = "$";
/// Stands for a letter that was blotted out.
pub(super) const BLOT: char = '*';

/// What UTS #39 leaves alone or maps elsewhere: letters that people read as Latin ones in running text, the ligatures, and small capitals.
const READ_AS: [(&str, &str); 7] = [
    ("вкмнтпгьγεηκτωχμβ", "bkmhtnrbyenktwxmb"),
    ("ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢꜱꜰ", "abcdeghijklmnoprtuvwyzsf"),
    ("øłđħŧıəɑɡɩɾʋ∂є¢", "oldhtieagirudec"),
    ("ß", "ss"),
    ("æ", "ae"),
    ("œ", "oe"),
    ("þ", "th"),
];

/// Lines of a Latin letter and those that UTS #39 confuses with it and nothing else. Its whole table is a hundred times as large.
const LOOK_ALIKES: &str = include_str!("normalise/look_alikes.txt");

static LATIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let lines = LOOK_ALIKES.lines().filter_map(|line| line.split_once(' '));
    lines.flat_map(|(latin, letters)| letters.chars().zip(latin.chars().cycle())).collect()
});

/// The words of a message, read in two ways: as they stand, and with signs inside a word taken for letters (`k!ll`) or for nothing
/// (`k-i-l-l`). Each begins with [`START`]; [`END`] stands after every sentence.
pub(super) fn readings(message: &str) -> Vec<Vec<String>> {
    let folded = fold(message);
    let plain = join_spelt(plain(&folded));
    let dense = join_spelt(dense(&folded));
    if plain == dense { vec![plain] } else { vec![plain, dense] }
}

/// Lower case, without accents, apostrophes and what cannot be seen; letters that look Latin are Latin.
pub(super) fn fold(text: &str) -> String {
    // As most words of the lists are, which are folded while somebody waits for the first answer.
    if text.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return text.to_owned();
    }
    let seen = text.chars().filter(|letter| !is_apostrophe(*letter) && !is_invisible(*letter));
    let mut folded = String::with_capacity(text.len());
    let mut after_small = false;
    for letter in seen.nfkd().filter(|letter| !is_combining_mark(*letter) && !is_invisible(*letter)) {
        if letter == 'I' && after_small {
            // "kiII": in many typefaces it is an l. Both are tried, as with a 1.
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
    // Emoji that are letters. No other table has them: they are symbols to Unicode.
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

/// Zero-width characters, soft hyphens, direction marks, variation selectors, fillers and controls.
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

/// Everything but letters and digits parts words.
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

/// Only white space parts words.
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
                // Read as `i` and as `l` later on.
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

/// Makes one word of three or more that have one letter each. An "I" before it is left out: "I k i l l".
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

/// The words found so far, and the one being read.
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
