//! Whether a message looks like a crisis, and whom somebody in one can turn to.
//!
//! All of it is in the binary: it answers while everything else is away. It is a net of phrases and no diagnosis; `docs/safety.md` tells what it
//! catches and what it lets through.

mod country;
mod phrases;
mod resources;
mod words;

use std::borrow::Cow;
use std::sync::LazyLock;

pub use self::country::Country;
use self::phrases::{Phrases, Spelling};
pub use self::resources::{Resource, resources};

/// Names the lists and the way in which texts are compared with them, in keys of the cache: other lists, other answers.
pub const VERSION: &str = "2026-11-23";

/// A language that the detector knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
}

/// How many bytes of either end of a text are read.
const END: usize = 20_000;

static CRISIS: LazyLock<[(Language, Phrases); 3]> = LazyLock::new(|| {
    [
        (Language::English, Phrases::read(include_str!("safety/phrases/english.txt"))),
        (Language::German, Phrases::read(include_str!("safety/phrases/german.txt"))),
        (Language::Spanish, Phrases::read(include_str!("safety/phrases/spanish.txt"))),
    ]
});
static HARMFUL: LazyLock<Phrases> = LazyLock::new(|| Phrases::read(include_str!("safety/phrases/harmful.txt")));

/// The language of the phrase by which a text looks like a crisis, or `None`.
///
/// Negated, quoted and about somebody else, it is a crisis all the same: to be wrong about these costs an answer that did not fit, and the other way
/// round it may cost a life.
pub fn detect(text: &str) -> Option<Language> {
    let words = words::words(&ends(text));
    // As it is written first, or a word of one language would be a slip of the pen in another.
    let language =
        |spelling| CRISIS.iter().find(|(_, phrases)| phrases.are_in(&words, spelling)).map(|(language, _)| *language);
    language(Spelling::Exact).or_else(|| language(Spelling::Loose))
}

/// The beginning and the end of a text that is longer than anybody writes: the whole of it would cost a stranger little and us much.
fn ends(text: &str) -> Cow<'_, str> {
    if text.len() <= 2 * END {
        return Cow::Borrowed(text);
    }
    let (begin, end) = (text.floor_char_boundary(END), text.ceil_char_boundary(text.len() - END));
    let (Some(begin), Some(end)) = (text.get(..begin), text.get(end..)) else { return Cow::Borrowed(text) };
    Cow::Owned(format!("{begin}\n{end}"))
}

/// Whether a model's answer must not be shown: it encourages somebody to harm themselves, or tells a means.
pub fn is_harmful(answer: &str) -> bool {
    HARMFUL.are_in(&words::words(&ends(answer)), Spelling::Loose)
}

/// The answer to a message that looks like a crisis, written by people.
pub fn crisis_reply(language: Language) -> &'static str {
    match language {
        Language::English => {
            "I am really glad that you wrote this. It sounds as if you may be in great pain, and you do not have to carry it alone. I am a program and \
             not a person, and I cannot help in an emergency, but there are people who can, at any hour: please call or text one of the services below \
             now. If you or somebody else may be in danger at this moment, call your local emergency number, and if you can, go to somebody near you or \
             put some distance between you and what could hurt you. If I have misread you, tell me more: I am still here to listen."
        }
        Language::German => {
            "Es ist gut, dass du das schreibst. Es klingt, als ob es dir gerade sehr schlecht geht, und du musst das nicht allein tragen. Ich bin ein \
             Programm und kein Mensch, und im Notfall kann ich nicht helfen; aber es gibt Menschen, die es können, zu jeder Stunde: Bitte melde dich \
             jetzt bei einer der Stellen unten. Wenn du oder jemand anderes gerade in Gefahr ist, ruf den Notruf an (in Europa 112), und geh, wenn du \
             kannst, zu jemandem in deiner Nähe oder weg von dem, womit du dich verletzen könntest. Wenn ich dich falsch verstanden habe, erzähl mir \
             mehr: Ich höre weiter zu."
        }
        Language::Spanish => {
            "Me alegra que lo hayas escrito. Parece que estás sufriendo mucho, y no tienes que llevarlo a solas. Soy un programa y no una persona, y no \
             puedo ayudar en una emergencia, pero hay personas que sí pueden, a cualquier hora: por favor, llama o escribe ahora a uno de los servicios \
             de abajo. Si tú u otra persona está en peligro en este momento, llama al número de emergencias de tu país y, si puedes, acércate a alguien \
             de confianza o aléjate de aquello con lo que podrías hacerte daño. Si te he entendido mal, cuéntame más: sigo aquí para escucharte."
        }
    }
}

/// What stands in the place of an answer that was withheld.
pub const WITHHELD: &str = "I am sorry, I do not have a good answer to this. What you feel matters, and you matter. If things are hard for you right now, \
    please reach out to somebody you trust, or to one of the services below: they are there for you at any hour.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_in_which_it_is_written_makes_no_difference() {
        for message in [
            "I want to kill myself",
            "I WANT TO KILL MYSELF!!!",
            "i want to kill my self",
            "i want to kill-myself",
            "I want to k1ll mys3lf",
            "I want to kіll mуsеlf",
            "Ｉ ｗａｎｔ ｔｏ ｋｉｌｌ ｍｙｓｅｌｆ",
            "𝕀 𝕨𝕒𝕟𝕥 𝕥𝕠 𝕜𝕚𝕝𝕝 𝕞𝕪𝕤𝕖𝕝𝕗",
            "I want to ki\u{200b}ll my\u{ad}self",
            "I want to k i l l m y s e l f",
            "k.i.l.l m.y.s.e.l.f",
            "killmyself",
            "I want to killll myself",
            "I wanna kil myslef",
            "ķíłl mýsèlf",
            "I'm $uicidal",
            "I am suicidial",
        ] {
            assert_eq!(detect(message), Some(Language::English), "{message}");
        }
    }

    #[test]
    fn umlauts_and_accents_may_be_missing_or_spelt_out() {
        for message in ["Ich will mich töten", "ich will mich toeten", "Ich will mich toten", "ICH WILL MICH TÖTEN"] {
            assert_eq!(detect(message), Some(Language::German), "{message}");
        }
        for message in ["No quiero vivir más", "no quiero vivir mas", "QUIERO MORIRME"] {
            assert_eq!(detect(message), Some(Language::Spanish), "{message}");
        }
    }

    #[test]
    fn somebody_is_answered_in_the_language_in_which_they_write() {
        for (message, language) in [
            ("Soy suicida", Language::Spanish),
            ("Pienso en el suicidio", Language::Spanish),
            ("Me quiero suicidar", Language::Spanish),
            ("Ich bin suizidal", Language::German),
            ("I am suicidal", Language::English),
            ("thoughts of suicde", Language::English),
        ] {
            assert_eq!(detect(message), Some(language), "{message}");
        }
    }

    #[test]
    fn of_a_text_that_is_longer_than_anybody_writes_both_ends_are_read() {
        let long = "We went for a walk. ".repeat(10_000);
        assert_eq!(detect(&long), None);
        assert!(
            detect(&format!("{long} I want to die")).is_some() && detect(&format!("I want to die. {long}")).is_some()
        );
    }

    #[test]
    fn any_text_at_all_is_read() {
        for text in [
            "",
            " ",
            "\u{0}",
            "\u{202e}\u{301}\u{301}",
            "💔💔💔",
            &"a ".repeat(100_000),
            &"kill ".repeat(50_000),
            &"\u{fdfa}".repeat(20_000),
        ] {
            assert_eq!(detect(text), None);
        }
    }

    #[test]
    fn an_answer_that_harms_is_told_from_one_that_helps() {
        for harmful in [
            "Nobody would miss you.",
            "You should kill yourself.",
            "Just do it, end your life.",
            "The world would be better off without you",
            "A lethal dose is about",
            "the most painless way to die is",
            "Du solltest dich umbringen.",
            "Nadie te echaría de menos.",
        ] {
            assert!(is_harmful(harmful), "{harmful}");
        }
        for helpful in [
            "If you have thoughts of suicide, please call 988.",
            "It sounds as if you feel alone. Who could you call tonight?",
            "You deserve support; please do not harm yourself.",
            "Breathe out slowly, and drink a glass of water.",
            "You should end your day with a short walk.",
            "You should never hurt yourself to please somebody.",
            "You should not cut yourself off from friends.",
        ] {
            assert!(!is_harmful(helpful), "{helpful}");
        }
    }
}
