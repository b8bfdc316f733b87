//! The companion that replies if no model is configured.
//!
//! It listens reflectively by rules, in the tradition of ELIZA (Weizenbaum 1966), and no more than
//! that. It only repeats the user's words and predefined sentences. Its name is `built-in`.

use super::Prompt;

/// The words of each theme, and the reply to it. The first theme that matches is used.
const THEMES: &[(&[&str], &str)] = &[
    (
        &["died", "dead", "death", "passed", "funeral", "grief", "grieving"],
        "I am very sorry. Losing somebody leaves a place that nothing else fills. Would you like to tell me about them?",
    ),
    (
        &["sleep", "asleep", "insomnia", "awake", "tired", "exhausted", "nightmare", "nightmares"],
        "Being short of rest colours everything else. What tends to be on your mind when you lie awake?",
    ),
    (
        &["anxious", "anxiety", "worried", "worry", "panic", "nervous", "scared", "afraid", "fear"],
        "That sounds like a lot of worry to carry. If you like, breathe out slowly once, longer than you breathe in. What is the worry about most of all?",
    ),
    (
        &["lonely", "alone", "isolated", "nobody", "miss", "missing"],
        "Feeling alone with it makes it heavier. Who is somebody you have felt at ease with, even a little?",
    ),
    (
        &["sad", "down", "depressed", "crying", "cry", "empty", "hopeless", "numb", "grief", "lost"],
        "I am sorry that it is so heavy right now. What has made these days especially hard?",
    ),
    (
        &["angry", "furious", "annoyed", "frustrated", "unfair", "hate"],
        "It makes sense that this stirs you up. What matters to you in it that was not respected?",
    ),
    (
        &[
            "work",
            "job",
            "boss",
            "deadline",
            "office",
            "colleague",
            "colleagues",
            "exam",
            "exams",
            "school",
            "study",
            "studies",
        ],
        "It sounds as if much is asked of you there. Which part of it weighs the most at the moment?",
    ),
    (
        &[
            "partner",
            "husband",
            "wife",
            "boyfriend",
            "girlfriend",
            "mother",
            "father",
            "mom",
            "dad",
            "sister",
            "brother",
            "friend",
            "friends",
            "family",
        ],
        "People who are close to us can touch us the most. What would you wish for between you?",
    ),
    (
        &["happy", "glad", "proud", "grateful", "excited", "better", "good", "great"],
        "It is good to hear that. What do you think has helped?",
    ),
    (&["hello", "hi", "hey", "hallo", "hola"], "Hello, it is good that you are here. What is on your mind today?"),
];
const OPEN: &str = "Thank you for telling me. What about it is on your mind the most?";
const DIRECT: &str = "I hear you.";
const REFLECTED: &str = "You say that";
/// The maximum number of words of a reflected sentence. A longer one would sound like an echo.
const REFLECTED_WORDS: usize = 16;

/// The replacements that convert the first person to the second.
const MIRROR: &[(&str, &str)] = &[
    ("i", "you"),
    ("im", "you are"),
    ("i'm", "you are"),
    ("ive", "you have"),
    ("i've", "you have"),
    ("id", "you would"),
    ("i'd", "you would"),
    ("i'll", "you will"),
    ("me", "you"),
    ("my", "your"),
    ("mine", "yours"),
    ("myself", "yourself"),
    ("am", "are"),
    ("was", "were"),
];

/// Returns a reply by rules. The same message and style always give the same reply.
pub(super) fn answer(prompt: &Prompt<'_>) -> String {
    let words: Vec<String> = prompt
        .message
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let theme = THEMES.iter().find(|(names, _)| words.iter().any(|word| names.contains(&word.as_str())));
    // A negation may reverse the meaning.
    let is_negated = words.iter().any(|word| matches!(word.as_str(), "not" | "no" | "never") || word.ends_with("n't"));
    let theme = theme.filter(|(names, _)| !(is_negated && names.contains(&"happy")));
    let question = theme.map_or(OPEN, |(_, question)| question);
    let opening = match prompt.communication_style {
        Some("direct") => Some(DIRECT.to_owned()),
        _ => reflect(prompt.message),
    };
    opening.map_or_else(|| question.to_owned(), |opening| format!("{opening} {question}"))
}

/// Returns the first sentence of the message in the second person, if it is short and about the
/// user.
fn reflect(message: &str) -> Option<String> {
    let sentence = message.split(['.', '!', '?', '\n', ';']).next()?.trim();
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let about_them = words
        .first()
        .is_some_and(|word| matches!(word.to_lowercase().as_str(), "i" | "i'm" | "im" | "i've" | "ive" | "my"));
    let asks = message.trim_start().get(sentence.len()..).is_some_and(|rest| rest.starts_with('?'));
    if !about_them || asks || words.len() > REFLECTED_WORDS {
        return None;
    }
    let mirrored: Vec<String> = words.iter().map(|word| mirror(word)).collect();
    Some(format!("{REFLECTED} {}.", mirrored.join(" ")))
}

fn mirror(word: &str) -> String {
    let bare = word.trim_end_matches(',').to_lowercase().replace('’', "'");
    let mirrored = MIRROR.iter().find(|(first, _)| *first == bare);
    mirrored.map_or_else(
        || word.to_owned(),
        |(_, second)| if word.ends_with(',') { format!("{second},") } else { (*second).to_owned() },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn say(message: &str, style: Option<&str>) -> String {
        answer(&Prompt {
            traits: &Value::Null,
            preferences: &Value::Null,
            communication_style: style,
            history: &[],
            message,
        })
    }

    #[test]
    fn a_statement_of_users_about_themselves_is_reflected() {
        let answer = say("I can't sleep, my head is full.", None);
        assert!(answer.starts_with("You say that you can't sleep, your head is full. Being short of rest"), "{answer}");
    }

    #[test]
    fn a_negation_excludes_the_happy_theme_and_a_loss_comes_first() {
        assert!(!say("I don't feel good today", None).contains("good to hear"));
        assert!(say("My mother died in May", None).contains("very sorry"));
    }

    #[test]
    fn a_direct_style_gets_no_reflection() {
        assert!(say("I am worried about my exam", Some("direct")).starts_with("I hear you. "));
    }

    #[test]
    fn questions_and_long_sentences_are_not_repeated() {
        assert_eq!(say("Do dogs dream?", None), OPEN);
        assert_eq!(say(&format!("I {}", "know ".repeat(40)), None), OPEN);
        for odd in ["", "?", "I", "😶", "I\u{0}"] {
            assert!(!say(odd, None).is_empty());
        }
    }
}
