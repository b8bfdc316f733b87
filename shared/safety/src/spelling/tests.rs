use super::*;

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    for word in ["kill", "myself", "suicide", "overdosing", "die", "i", "want", "to", "off"] {
        vocabulary.add(word);
    }
    vocabulary.except("# comment\nof dice ways\nwent");
    vocabulary
}

#[test]
fn a_word_is_found_despite_typing_errors() {
    let vocabulary = vocabulary();
    for (typed, meant) in [
        ("kill", "kill"),
        ("kil", "kill"),
        ("killlll", "kill"),
        ("klil", "kill"),
        ("k1ll", "kill"),
        ("ki11", "kill"),
        ("k*ll", "kill"),
        ("d13", "die"),
        ("dieeee", "die"),
        ("myslef", "myself"),
        ("mysef", "myself"),
        ("sucide", "suicide"),
        ("su1c1d3", "suicide"),
        ("overdozingg", "overdosing"),
        ("wnat", "want"),
        ("kll", "kill"),
        ("mslf", "myself"),
        ("wnt", "want"),
    ] {
        assert_eq!(vocabulary.find(typed), [vocabulary.exact(meant).unwrap()], "{typed}");
    }
}

#[test]
fn everyday_words_do_not_count_as_misspellings() {
    let vocabulary = vocabulary();
    for typed in ["of", "dice", "went", "bill", "yself", "decide", "did", "k***", "111", "", "*", "wind"] {
        assert_eq!(vocabulary.find(typed), [0; 0], "{typed}");
    }
}

#[test]
fn words_without_spaces_are_separated() {
    let vocabulary = vocabulary();
    assert_eq!(vocabulary.split("iwanttodie"), ["i", "want", "to", "die"]);
    assert_eq!(vocabulary.split("k1llmyself"), ["kill", "myself"]);
    assert_eq!(vocabulary.split("skillmyself"), [""; 0]);
    assert_eq!(vocabulary.split(""), [""; 0]);
}
