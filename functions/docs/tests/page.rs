//! The parts and the policy of the page. A test in `api-tests` checks that a browser shows the
//! page.

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
fn the_page_is_self_contained_and_refers_only_to_the_document() {
    let page = page();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "the page is incomplete");
    assert_eq!(page.matches("<script>").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("{{"), "a placeholder was not replaced");
    let outside: String = page.split("<script>").map(|part| part.rsplit("</script>").next().unwrap()).collect();
    let references: Vec<_> = outside.split(['"', ' ', '<', '>']).filter(|word| word.contains("://")).collect();
    assert_eq!(outside.matches("href=").count(), 2, "the icon and the document");
    assert!(!outside.contains("src=") && !outside.contains("@import"));
    // The images in the style name a namespace, which is not an address to load.
    assert!(references.iter().all(|word| word.contains("http://www.w3.org/2000/svg")), "{references:?}");
}

#[test]
fn the_policy_allows_only_the_parts_of_the_page_and_requests_to_this_api() {
    let sources: Vec<_> = POLICY.split(';').flat_map(|directive| directive.split_whitespace().skip(1)).collect();
    for source in sources {
        let known = ["'none'", "'self'", "data:"].contains(&source) || source.starts_with("'sha256-");
        assert!(known, "{source}");
    }
    assert!(POLICY.starts_with("default-src 'none'; "), "{POLICY}");
}

#[test]
fn the_page_fits_into_a_response_of_lambda() {
    // The response is text in JSON, where each of these characters takes another byte.
    let page = page();
    let escapes = page.matches(['"', '\\', '\n']).count();
    assert!(page.len() + escapes < 6_000_000, "{} and {escapes}", page.len());
    assert!(PAGE.len() < 500_000, "{}", PAGE.len());
}
