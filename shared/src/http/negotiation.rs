//! Negotiation of the content coding (RFC 9110 §12.5.3).

/// Whether an `Accept-Encoding` header allows gzip. A missing header does not, because the client
/// may not support it.
pub(super) fn accepts_gzip(header: Option<&str>) -> bool {
    let weight = |name: &str| {
        header?.split(',').find_map(|item| {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            coding.trim().eq_ignore_ascii_case(name).then_some(weight.unwrap_or(0.0))
        })
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_if_the_client_accepts_it() {
        for yes in ["gzip", "br, GZIP;q=0.5", "deflate, gzip;q=1.0, *;q=0.1", "*", "*;q=0.5"] {
            assert!(accepts_gzip(Some(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip;q=0.0, *", "identity", "x-gzipped", "gzip;q=nonsense"] {
            assert!(!accepts_gzip(Some(no)), "{no}");
        }
        assert!(!accepts_gzip(None));
    }
}
