//! Which URLs are talked to: the configuration's own hosts, and only where nobody listens on the way.

use reqwest::Url;

/// Reads a URL of the configuration. A trailing `/` is cut off, so that paths can be put behind it.
pub(crate) fn read_base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim_end_matches('/')).map_err(|error| format!("its url is none: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its url holds a name or password; credentials belong into keys of their own".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err("its url must begin with https:// (http:// is for this machine itself)".to_owned()),
    }
}

/// Is `text` a URL on the same scheme, host and port? A token is never sent elsewhere, whatever a link or a stored cursor says.
pub(crate) fn is_of(base: &Url, text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin() == base.origin())
}

/// The text of a base, to put a path behind.
pub(crate) fn text_of(base: &Url) -> &str {
    base.as_str().trim_end_matches('/')
}

/// The query of a URL, which is also how a form is written (`application/x-www-form-urlencoded`).
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("https://query.invalid") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_talked_to_but_for_this_machine_itself() {
        for (text, is_fine) in [
            ("https://acme.okta.com", true),
            ("https://acme.okta.com/", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost:1", true),
            ("http://acme.okta.com", false),
            ("http://127.0.0.1.evil.example", false),
            ("ftp://acme.okta.com", false),
            ("https://token@acme.okta.com", false),
            ("acme.okta.com", false),
        ] {
            assert_eq!(read_base(text).is_ok(), is_fine, "{text}");
        }
    }

    #[test]
    fn a_query_keeps_what_a_value_holds() {
        assert_eq!(query(&[("a b", "x&y=z+%ü~"), ("c", "")]), "a+b=x%26y%3Dz%2B%25%C3%BC%7E&c=");
    }

    #[test]
    fn another_host_port_or_scheme_is_not_ours() {
        let base = read_base("https://acme.okta.com/").unwrap();
        assert_eq!(text_of(&base), "https://acme.okta.com");
        for (text, is_ours) in [
            ("https://acme.okta.com/api/v1/logs?after=1", true),
            ("https://acme.okta.com:443/x", true),
            ("https://acme.okta.com:8443/x", false),
            ("http://acme.okta.com/x", false),
            ("https://acme.okta.com@evil.example/x", false),
            ("https://acme.okta.com.evil.example/x", false),
            ("/api/v1/logs", false),
        ] {
            assert_eq!(is_of(&base, text), is_ours, "{text}");
        }
    }
}
