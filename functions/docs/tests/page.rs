//! What the page is made of. A test in `api-tests` checks that a browser shows it.

#![expect(clippy::unwrap_used, reason = "test code outside of the test functions themselves")]

use std::io::Read as _;

const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));
const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/page.policy.txt"));

fn page() -> String {
    let mut page = String::new();
    flate2::read::GzDecoder::new(PAGE).read_to_string(&mut page).unwrap();
    page
}

#[test]
fn it_is_one_piece_that_refers_to_nothing_but_the_document() {
    let page = page();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "a part of a script ends the page");
    assert_eq!(page.matches("<script>").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("{{"), "a part is missing");
    let outside: String = page.split("<script>").map(|part| part.rsplit("</script>").next().unwrap()).collect();
    let references: Vec<_> = outside.split(['"', ' ', '<', '>']).filter(|word| word.contains("://")).collect();
    assert_eq!(outside.matches("href=").count(), 2, "the icon and the document");
    assert!(!outside.contains("src=") && !outside.contains("@import"));
    // Names, not addresses: of the pictures that the style holds.
    assert!(references.iter().all(|word| word.contains("http://www.w3.org/2000/svg")), "{references:?}");
}

#[test]
fn the_policy_allows_what_the_page_holds_and_this_api_and_nothing_else() {
    let sources: Vec<_> = POLICY.split(';').flat_map(|directive| directive.split_whitespace().skip(1)).collect();
    for source in sources {
        let known = ["'none'", "'self'", "data:"].contains(&source) || source.starts_with("'sha256-");
        assert!(known, "{source}");
    }
    assert!(POLICY.starts_with("default-src 'none'; "), "{POLICY}");
}

#[test]
fn it_suits_what_lambda_can_answer_with() {
    // Of a text in an event each quotation mark and each backslash takes another byte.
    let page = page();
    let escapes = page.matches(['"', '\\', '\n']).count();
    assert!(page.len() + escapes < 6_000_000, "{} and {escapes}", page.len());
    assert!(PAGE.len() < 500_000, "{}", PAGE.len());
}
