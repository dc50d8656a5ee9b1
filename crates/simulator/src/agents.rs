//! What people's machines say of themselves: browsers, and addresses from the ranges that are kept for documentation.

use crate::{clock::DAY_MS, people::Person, random::Random};

/// A browser or client.
pub(crate) struct Agent {
    /// The whole header.
    pub(crate) raw: &'static str,
    /// Operating system in words.
    pub(crate) os: &'static str,
    /// Okta's word for the browser.
    pub(crate) browser_okta: &'static str,
    /// Okta's word for the machine.
    pub(crate) device: &'static str,
}

/// What is in use at the company.
pub(crate) const AGENTS: &[Agent] = &[
    Agent {
        raw: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36",
        os: "Mac OS 15.7.3 (Sequoia)",
        browser_okta: "CHROME",
        device: "Computer",
    },
    Agent {
        raw: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36 Edg/144.0.0.0",
        os: "Windows 11",
        browser_okta: "EDGE",
        device: "Computer",
    },
    Agent {
        raw: "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
        os: "Ubuntu",
        browser_okta: "FIREFOX",
        device: "Computer",
    },
    Agent {
        raw: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        os: "iOS 18.6 (iPhone)",
        browser_okta: "SAFARI",
        device: "Mobile",
    },
];

/// The one that belongs to a person.
pub(crate) fn of(host: u32, agents: &'static [Agent]) -> &'static Agent {
    Random::new(u64::from(host)).pick(agents)
}

/// Where a person comes from on a day: mostly the office, else home. 198.51.100.0/24 and 203.0.113.0/24 (RFC 5737).
pub(crate) fn address(person: &Person, occurred: i64) -> String {
    let day = occurred.div_euclid(DAY_MS).unsigned_abs();
    let is_home = Random::new(day << 16 | u64::from(person.host)).happens(350);
    let network = if is_home { "203.0.113" } else { "198.51.100" };
    format!("{network}.{}", 1 + person.host % 254)
}
