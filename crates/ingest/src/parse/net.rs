//! Addresses as providers write them.

use event::{Event, Ip, ParseWarning};

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

/// Reads the first address that is told; one that is none is flagged.
pub(crate) fn set_ip<'t>(event: &mut Event<'_>, addresses: impl IntoIterator<Item = &'t str>) {
    let Some(text) = addresses.into_iter().find(|text| !text.is_empty()) else { return };
    event.ip = ip(text).unwrap_or_else(|| {
        event.warnings.add(ParseWarning::BadIp);
        Ip::UNSPECIFIED
    });
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
