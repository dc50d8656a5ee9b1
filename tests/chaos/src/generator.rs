//! What the provider has to tell: pages of Okta's System Log, each a function of the seed and its number. Every event carries its sequence number
//! in its `uuid` and a checksum in its transaction's id; both land in columns.
//!
//! 1 % of the events stand in a later page once more, 0.5 % happened days ago, and one element of a thousand is no event. Every `APP_EVERY_PAGES`
//! pages of a tenant one event is about an app that nobody has used before.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::dice::Dice;

/// Events of a page, without those that it repeats.
pub const PAGE_EVENTS: u64 = 100;
/// A page of a tenant that is this far behind is where repeated events come from.
const REPEAT_BEHIND_PAGES: u64 = 3;
/// Every so many pages of a tenant there is an app that nobody has used before.
const APP_EVERY_PAGES: u64 = 2;
/// People of a tenant.
const PEOPLE: u64 = 40;
/// A surname that stands nowhere else, so that it can be looked for.
pub const SURNAME: &str = "quillfeather";
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// One event, as it should stand in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its sequence number: distinct in the whole run.
    pub number: u64,
    /// The tenant's number.
    pub tenant: u64,
    /// The person's number.
    pub person: u64,
    /// The app's id.
    pub app: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// An element that is no event, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Its bytes.
    pub text: String,
    /// The reason of its dead letter.
    pub reason: &'static str,
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its number.
    pub number: u64,
    /// Whose.
    pub tenant: u64,
    /// Its events; the repeated ones at the end.
    pub events: Vec<Told>,
    /// What is no event.
    pub poison: Option<Poison>,
}

/// Of a run.
#[derive(Clone, Debug)]
pub struct Generator {
    seed: u64,
    tenants: u64,
    /// The day of the run. Milliseconds since 1970.
    day_ms: i64,
}

impl Generator {
    /// The pages of a seed, for so many tenants, around this time (milliseconds since 1970).
    #[must_use]
    pub fn new(seed: u64, tenants: u64, day_ms: i64) -> Generator {
        Generator { seed, tenants: tenants.max(1), day_ms }
    }

    /// How many tenants there are.
    #[must_use]
    pub fn tenants(&self) -> u64 {
        self.tenants
    }

    /// A page.
    #[must_use]
    pub fn page(&self, number: u64) -> Page {
        let tenant = number % self.tenants;
        let mut events: Vec<Told> = (0..PAGE_EVENTS).map(|place| self.event(number * PAGE_EVENTS + place)).collect();
        // 1 % of a page's events are sent again with a later one: its first.
        if let Some(earlier) = number.checked_sub(REPEAT_BEHIND_PAGES * self.tenants) {
            events.extend((0..PAGE_EVENTS / 100).map(|place| self.event(earlier * PAGE_EVENTS + place)));
        }
        let mut dice = Dice::new(self.seed ^ number, "poison");
        let poison = dice.per_thousand(PAGE_EVENTS).then(|| poison(number));
        Page { number, tenant, events, poison }
    }

    /// An event by its number.
    fn event(&self, number: u64) -> Told {
        let page = number / PAGE_EVENTS;
        let (tenant, turn) = (page % self.tenants, page / self.tenants);
        let mut dice = Dice::new(self.seed ^ number, "event");
        let apps = turn / APP_EVERY_PAGES + 1;
        let is_debut = number % PAGE_EVENTS == PAGE_EVENTS / 2;
        let app = if is_debut { apps - 1 } else { dice.within(0..apps) };
        let late_ms = if dice.per_thousand(5) { DAY_MS * i64::try_from(dice.within(1..6)).unwrap_or(1) } else { 0 };
        let at_ms = self.day_ms + i64::try_from(number % 1_000_000).unwrap_or(0) - late_ms;
        Told { number, tenant, person: dice.within(0..PEOPLE), app: app_id(tenant, app), at_ms }
    }
}

impl Told {
    /// What ties its fields together.
    #[must_use]
    pub fn checksum(&self) -> String {
        checksum(self.number, &self.app, self.at_ms)
    }

    /// The `uuid`: its last twelve digits are the number.
    #[must_use]
    pub fn uuid(&self) -> String {
        format!("c4a05000-0000-4000-8000-{:012x}", self.number & 0xffff_ffff_ffff)
    }

    /// As Okta writes it.
    #[must_use]
    pub fn json(&self) -> Value {
        let (tenant, person) = (self.tenant, self.person);
        json!({
            "actor": {
                "id": format!("00u{tenant:04}{person:08}"), "type": "User", "displayName": format!("Person{person} {SURNAME}"),
                "alternateId": format!("person{person}.{SURNAME}@{}", org(tenant)), "detailEntry": null
            },
            "client": {
                "userAgent": {"rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "os": "Linux", "browser": "FIREFOX"},
                "ipAddress": "203.0.113.7", "geographicalContext": {"city": "Bern", "country": "Switzerland"}
            },
            "authenticationContext": {"authenticationStep": 0, "externalSessionId": format!("session{tenant}x{person}")},
            "displayMessage": "", "eventType": "user.authentication.sso", "outcome": {"result": "SUCCESS", "reason": null},
            "published": instant(self.at_ms), "severity": "INFO", "version": "0", "uuid": self.uuid(),
            "securityContext": {"asNumber": 64500, "asOrg": "example telecom", "isProxy": false},
            "transaction": {"type": "WEB", "id": self.checksum(), "detail": {}},
            "target": [{
                "id": self.app, "type": "AppInstance", "alternateId": self.app, "displayName": self.app,
                "detailEntry": {"signOnModeType": "SAML_2_0"}
            }]
        })
    }
}

impl Page {
    /// As it is sent: an array.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut elements: Vec<String> = self.events.iter().map(|event| event.json().to_string()).collect();
        // Between good ones, where it could cost both its neighbours.
        if let Some(poison) = &self.poison {
            elements.insert(elements.len() / 3, poison.text.clone());
        }
        format!("[{}]", elements.join(",")).into_bytes()
    }
}

/// What a row's fields should add up to.
#[must_use]
pub fn checksum(number: u64, app: &str, at_ms: i64) -> String {
    hex(&Sha256::digest(format!("{number}|{app}|{at_ms}"))).chars().take(20).collect()
}

impl Poison {
    /// What the dead letter says of its bytes.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }
}

/// The tenant's id.
#[must_use]
pub fn tenant_id(tenant: u64) -> String {
    format!("tenant{tenant}")
}

/// The id of its connection.
#[must_use]
pub fn connection_id(tenant: u64) -> String {
    format!("okta{tenant}")
}

/// The Okta org of a tenant.
#[must_use]
pub fn org(tenant: u64) -> String {
    format!("chaos{tenant}.okta.example")
}

/// An app of a tenant. No known app is called like this, and none resembles it.
#[must_use]
pub fn app_id(tenant: u64, app: u64) -> String {
    format!("0oaT{tenant}N{app:05}")
}

/// By turns: no JSON, an event without a type, one whose time is none.
fn poison(page: u64) -> Poison {
    let (text, reason) = match page % 3 {
        0 => (format!("{{\"poison\":{page},\"published\":}}"), "bad_json"),
        1 => (format!("{{\"poison\":{page}}}"), "not_an_event"),
        _ => (
            format!(
                "{{\"eventType\":\"user.authentication.sso\",\"poison\":{page},\"published\":\"soon\",\"uuid\":\"{page}\"}}"
            ),
            "bad_time",
        ),
    };
    Poison { text, reason }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339, as Okta writes it.
fn instant(at_ms: i64) -> String {
    event::Timestamp(at_ms).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_one_run_of_pages_with_what_is_promised_in_it() {
        let (first, again) = (Generator::new(5, 4, 0), Generator::new(5, 4, 0));
        let pages: Vec<Page> = (0..2_000).map(|number| first.page(number)).collect();
        assert!(pages.iter().all(|page| *page == again.page(page.number)));
        assert_ne!(Generator::new(6, 4, 0).page(9), pages[9]);
        let events: Vec<&Told> = pages.iter().flat_map(|page| &page.events).collect();
        let numbers: BTreeSet<u64> = events.iter().map(|event| event.number).collect();
        // Of a thousand: repeated, late, poison.
        let repeated = (events.len() - numbers.len()) * 1_000 / numbers.len();
        let late = events.iter().filter(|event| event.at_ms < 0).count() * 10_000 / events.len();
        let poison = pages.iter().filter(|page| page.poison.is_some()).count() * 10_000 / numbers.len();
        assert_eq!(repeated, 9, "1 %, less the first pages");
        assert!((40..=60).contains(&late), "{late} of ten thousand are late");
        assert!((7..=13).contains(&poison), "{poison} of ten thousand are poison");
        let poisons: BTreeSet<String> = pages.iter().filter_map(|page| Some(page.poison.as_ref()?.sha256())).collect();
        assert_eq!(poisons.len(), pages.iter().filter(|page| page.poison.is_some()).count());
    }

    #[test]
    fn an_app_is_new_at_its_place_and_known_after_it() {
        let generator = Generator::new(5, 2, 0);
        let mut known = BTreeSet::new();
        for turn in 0..100u64 {
            let page = generator.page(turn * 2);
            let new: BTreeSet<&str> =
                page.events.iter().map(|event| event.app.as_str()).filter(|app| !known.contains(*app)).collect();
            assert!(new.len() <= 1, "page {turn}: {new:?}");
            assert_eq!(new.contains(app_id(0, turn / APP_EVERY_PAGES).as_str()), turn % APP_EVERY_PAGES == 0);
            known.extend(page.events.into_iter().map(|event| event.app));
        }
    }
}
