//! Classifies messages that can be understood without the conversation before them.

/// Words that refer to something that the message itself may not name.
const POINTERS: &[&str] = &[
    // English
    "it",
    "its",
    "that",
    "thats",
    "this",
    "these",
    "those",
    "they",
    "them",
    "their",
    "he",
    "him",
    "his",
    "she",
    "her",
    "else",
    "another",
    "earlier",
    "more",
    "again",
    "now",
    "next",
    "first",
    "second",
    "last",
    "same",
    "one",
    "ones",
    "example",
    "examples",
    "answer",
    "told",
    "repeat",
    "continue",
    "said",
    "mean",
    "meant",
    "mentioned",
    "suggested",
    // German
    "es",
    "das",
    "dies",
    "diese",
    "dieser",
    "dieses",
    "dem",
    "denen",
    "sie",
    "er",
    "ihn",
    "ihm",
    "ihr",
    "davon",
    "darüber",
    "dazu",
    "damit",
    "vorhin",
    "meinst",
    "mehr",
    "weiter",
    "nochmal",
    "jetzt",
    "beispiel",
    "beispiele",
    "antwort",
    "gesagt",
    // Spanish
    "eso",
    "esto",
    "esa",
    "ese",
    "esta",
    "este",
    "ello",
    "ella",
    "ellos",
    "ellas",
    "él",
    "otra",
    "otro",
    "lo",
    "dijiste",
    "más",
    "mas",
    "vez",
    "ahora",
    "ejemplo",
    "ejemplos",
    "respuesta",
    "quieres",
];
/// First words that continue a conversation.
const OPENERS: &[&str] = &[
    "and", "but", "so", "or", "then", "also", "because", "yes", "no", "yeah", "yep", "nope", "ok", "okay", "sure",
    "maybe", "thanks", "thank", "why", "und", "aber", "also", "oder", "dann", "weil", "ja", "nein", "doch", "genau",
    "danke", "warum", "wieso", "y", "pero", "o", "entonces", "porque", "sí", "si", "vale", "gracias", "claro", "por",
];
/// The smallest number of words of a message that stands alone.
const LEAST_WORDS: usize = 4;

/// Whether the same message of the same user may receive the same reply, whatever the conversation
/// before it.
///
/// In case of doubt, this is `false`. A wrong `false` costs a call of the model; a wrong `true`
/// would give the user the reply to another question.
pub fn stands_alone(message: &str) -> bool {
    let words: Vec<String> = message
        .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    let opens_by_going_on = words.first().is_none_or(|word| OPENERS.contains(&word.as_str()));
    let points = words.iter().any(|word| POINTERS.contains(&word.as_str()));
    words.len() >= LEAST_WORDS && !opens_by_going_on && !points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_names_its_subject_stands_alone() {
        for message in [
            "I feel lonely tonight",
            "How can I sleep better?",
            "Is there a way to calm down before exams?",
            "Can you help me with stress at work?",
            "Work has been too much lately.",
            "Ich kann seit Wochen nicht schlafen",
            "Me siento muy solo hoy",
        ] {
            assert!(stands_alone(message), "{message}");
        }
    }

    #[test]
    fn a_message_that_refers_to_the_previous_one_does_not_stand_alone() {
        for message in [
            "yes",
            "Yes, I would like to try",
            "and that?",
            "And what about my sister then",
            "tell me more",
            "Can you give me some examples?",
            "What should I do now?",
            "Kannst du mir mehr erzählen?",
            "Why do people do so often",
            "What did you mean by that?",
            "How long does it usually take?",
            "I told him everything yesterday",
            "it's getting worse every day",
            "ja, gerne machen wir das",
            "¿y eso por qué pasa?",
            "???",
            "",
        ] {
            assert!(!stands_alone(message), "{message}");
        }
    }
}
