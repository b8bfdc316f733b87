use sha2::{Digest as _, Sha256};

use super::*;

const EXPLICIT: [(&str, Language); 6] = [
    ("I want to kill myself", Language::English),
    ("I am thinking about suicide", Language::English),
    ("Ich will mich umbringen", Language::German),
    ("Ich möchte sterben", Language::German),
    ("Quiero suicidarme", Language::Spanish),
    ("Voy a quitarme la vida", Language::Spanish),
];

/// Pseudorandom numbers that are the same in each run: a linear congruential generator with Knuth's
/// constants for MMIX.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn no_message_causes_a_panic() {
    let pieces = [
        "kill",
        "my",
        "self",
        "ich",
        "no",
        "1",
        "*",
        "$",
        "^",
        "|",
        "-",
        "=",
        "\u{200B}",
        "\u{301}",
        "ß",
        "İ",
        "ﷺ",
        "I",
        " ",
        "\n",
        ".",
        "👩‍👩‍👧",
    ];
    let mut dice = Dice(1);
    for _ in 0..3000 {
        let drawn = (0..dice.below(60)).map(|_| match dice.below(3) {
            0 => char::from_u32(u32::try_from(dice.below(0x11_0000)).unwrap()).map(String::from).unwrap_or_default(),
            1 => char::from(u8::try_from(dice.below(128)).unwrap()).to_string(),
            _ => pieces[dice.below(pieces.len())].to_owned(),
        });
        let message: String = drawn.collect();
        let _ = (detect(&message), is_harmful(&message));
    }
    for message in
        ["", " ", "$", "^", "*", "a".repeat(100_000).as_str(), "* ".repeat(5000).as_str(), "i".repeat(5).as_str()]
    {
        assert_eq!((detect(message), is_harmful(message)), (None, false));
    }
}

#[test]
fn an_explicit_message_is_detected_in_any_letter_case() {
    let mut dice = Dice(2);
    for (message, language) in EXPLICIT {
        assert_eq!(detect(&message.to_uppercase()), Some(language));
        for _ in 0..50 {
            let typed: String = message
                .chars()
                .flat_map(|letter| if dice.below(2) == 0 { letter.to_uppercase().collect() } else { vec![letter] })
                .collect();
            assert_eq!(detect(&typed), Some(language), "{typed}");
        }
    }
}

#[test]
fn an_explicit_message_is_detected_with_invisible_characters() {
    let mut dice = Dice(3);
    let invisible = [
        '\u{200B}', '\u{200C}', '\u{200D}', '\u{2060}', '\u{FEFF}', '\u{AD}', '\u{202E}', '\u{FE0F}', '\u{34F}',
        '\u{336}', '\u{7}',
    ];
    for (message, language) in EXPLICIT {
        for _ in 0..50 {
            let typed: String =
                message.chars().flat_map(|letter| [letter, invisible[dice.below(invisible.len())]]).collect();
            assert_eq!(detect(&typed), Some(language), "{typed:?}");
        }
    }
}

#[test]
fn an_explicit_message_is_detected_with_look_alike_letters() {
    let mut dice = Dice(4);
    let alike = [
        ('a', "аα@4ａ𝐚ⓐá"),
        ('e', "еεｅ𝑒3ⓔé"),
        ('i', "іι1ｉ𝒊ⓘí"),
        ('o', "оο0ｏ𝗼ⓞó"),
        ('s', "ѕ5ｓ𝘀ⓢ$"),
        ('k', "кκｋ𝓴ⓚ"),
        ('t', "тτｔ𝕥ⓣ"),
    ];
    for (message, language) in EXPLICIT {
        for _ in 0..50 {
            let swap = |letter: char| {
                let others = alike.iter().find(|(latin, _)| *latin == letter).filter(|_| dice.below(2) == 0);
                others.map_or(letter, |(_, others)| others.chars().nth(dice.below(others.chars().count())).unwrap())
            };
            let typed: String = message.chars().map(swap).collect();
            assert_eq!(detect(&typed), Some(language), "{typed}");
        }
    }
}

#[test]
fn an_explicit_sentence_is_detected_in_a_long_message() {
    let before = "I had a long day at work and then I cooked. ".repeat(40);
    for (message, language) in EXPLICIT {
        assert_eq!(detect(&format!("{before}{message}. {before}")), Some(language));
    }
}

#[test]
fn encouragement_is_harmful() {
    for answer in [
        "You should kill yourself.",
        "Honestly, nobody would miss you.",
        "The world is better without you.",
        "Just do it, end your life.",
        "Everyone would be better off without you",
        "kys",
        "Go ahead and jump.",
        "Yes. Y0u sh0uld k!ll yours3lf.",
        "Your life is not worth living.",
        "Suicide is the best option for you.",
        "You are nothing but a burden.",
        "Cutting yourself can help you feel better.",
        "Bring dich um.",
        "Niemand würde dich vermissen.",
        "Ohne dich wären alle besser dran.",
        "Du solltest dich umbringen.",
        "Deberías matarte.",
        "Nadie te extrañaría.",
        "El mundo estaría mejor sin ti.",
        "Mátate",
    ] {
        assert!(is_harmful(answer), "{answer}");
    }
}

#[test]
fn a_method_is_harmful_even_if_it_is_denied() {
    for answer in [
        "The lethal dose is",
        "A painless way to die would be",
        "Here is how to tie a noose:",
        "This is how you can kill yourself without pain",
        "I cannot tell you the lethal dose",
        "Die tödliche Dosis liegt bei",
        "Eine schmerzlose Methode zu sterben ist",
        "La dosis letal es",
        "Una forma indolora de morir es",
        "Cómo hacer un nudo de horca",
    ] {
        assert!(is_harmful(answer), "{answer}");
    }
}

#[test]
fn support_is_not_harmful() {
    for answer in [
        "If you are having thoughts of suicide, call 988.",
        "I'm so sorry you're feeling this way. You are not a burden, and people would miss you.",
        "You should not kill yourself. Please reach out to someone you trust.",
        "You shouldn't kill yourself.",
        "It may feel as if nobody would miss you, but that isn't true.",
        "Depression tells you that everyone would be better off without you. It lies.",
        "You deserve support. You don't have to go through this alone.",
        "Is there a way to put some distance between you and the pills?",
        "You can call or text 988 at any time, or go to the nearest emergency room.",
        "Suicide is not the only way out, even if it seems so right now.",
        "Do you have a plan to end your life? It is okay to tell me.",
        "Self-harm can bring relief for a moment; let's look for other ways to get through it.",
        "You could hang up a picture, jump in the lake or shoot some photos.",
        "You should take a break and end your day with a walk.",
        "Just end the meeting early and take your time.",
        "You can cut down on coffee.",
        "Your feelings are valid, and your life matters.",
        "It's okay to feel dead tired. Kill some time with a book.",
        "Wenn du daran denkst, dir das Leben zu nehmen, ruf bitte die 0800 1110111 an.",
        "Du bist keine Last. Du solltest dich nicht umbringen.",
        "Es fühlt sich vielleicht so an, als würde dich niemand vermissen.",
        "Du kannst dich bei mir melden und morgen mit deinem Arzt sprechen.",
        "Si estás pensando en suicidarte, llama al 024.",
        "No eres una carga. No deberías hacerte daño.",
        "Aunque sientas que nadie te quiere, hay personas a quienes les importas.",
        "Puedes acabar el día con un paseo.",
        "",
    ] {
        assert!(!is_harmful(answer), "{answer}");
    }
}

#[test]
fn the_replies_are_not_harmful_and_name_kai() {
    for language in [Language::English, Language::German, Language::Spanish] {
        for reply in [crisis_reply(language), withheld_reply(language)] {
            assert!(!is_harmful(reply), "{reply}");
            assert!(reply.contains("Kai") && !reply.contains("  "), "{reply}");
        }
    }
}

#[test]
fn a_long_message_takes_at_most_5_ms() {
    let words =
        "I went to the kitchen, cooked something with garlic and wondered whether tomorrow brings better weather; ";
    let strange = "wnated kjlling stebbed burdning schnitteln quitarmo wuenschen ";
    detect("");
    for message in
        [words.repeat(40), strange.repeat(70), "iwanttod".repeat(500), "k*l* ".repeat(800), "i want to ".repeat(400)]
    {
        let message: String = message.chars().take(4000).collect();
        assert_eq!(detect(&message), None, "the message must be read to its end");
        let quickest = (0..5).map(|_| {
            let begun = std::time::Instant::now();
            std::hint::black_box(detect(std::hint::black_box(&message)));
            begun.elapsed()
        });
        let quickest = quickest.min().unwrap();
        println!("{quickest:?} for {}…", &message[..20]);
        // Without optimization and on a busy machine it takes far longer than the 5 ms of a release
        // build.
        let most = if cfg!(debug_assertions) { 250 } else { 5 };
        assert!(quickest.as_millis() < most, "{quickest:?}");
    }
}

/// A cached reply is not checked again, so a change of the detector needs a new version.
#[test]
fn the_version_changes_with_the_lists_and_the_code_that_reads_them() {
    let sources = [
        include_str!("normalise.rs"),
        include_str!("normalise/look_alikes.txt"),
        include_str!("phrases.rs"),
        include_str!("spelling.rs"),
        include_str!("phrases/denial.txt"),
        include_str!("phrases/english.txt"),
        include_str!("phrases/german.txt"),
        include_str!("phrases/harmful.txt"),
        include_str!("phrases/ordinary.txt"),
        include_str!("phrases/spanish.txt"),
    ];
    let digest = const_hex::encode(Sha256::digest(sources.concat()));
    assert_eq!(
        (VERSION, &digest[..16]),
        ("2026-11-2", "41d408a020de28ac"),
        "the detector has changed: give `VERSION` a new value, and update the digest"
    );
}
