//! Addresses as providers write them.

use event::Ip;

/// Reads an address, also with a port or in brackets (`203.0.113.7:443`, `[2001:db8::1]:443`).
pub(crate) fn ip(text: &str) -> Option<Ip> {
    let text = text.trim();
    if let Some(ip) = Ip::parse(text) {
        return Some(ip);
    }
    match text.strip_prefix('[') {
        Some(rest) => Ip::parse(rest.split_once(']')?.0),
        None => Ip::parse(text.split_once(':')?.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port() {
        for (text, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:443", "203.0.113.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(ip(text).unwrap().to_string(), expected);
        }
        assert_eq!(ip("redacted"), None);
    }
}
