//! The events: seeded, and with the truth about themselves.
//!
//! A working day of several companies. Each event belongs to a *pair* of a person and an app; apps are chosen by Zipf's curve. Most pairs were
//! known before the day, 2 % of the events are the first sight of theirs, and 0.1 % belong to incidents: an app that nobody had, granted
//! mail by several people. One event in a hundred comes twice, one in twenty is out of order. What cannot be read does not reach the log, so
//! damaged events are in the workload of `ingest` only.

use event::{
    ActorType, AppIdKind, AppKind, AppRef, ConsentType, Event, EventId, Ip, Kind, Outcome, Source, Stream, Timestamp,
    Tokens, UserKey,
};

use crate::random::{Zipf, mixed};

/// 2026-03-02T08:00:00Z, a Monday.
const MORNING: Timestamp = Timestamp(1_772_438_400_000);
/// Milliseconds between two events: two million of them take five and a half hours.
const STEP_MS: i64 = 10;
/// An event out of order is so much older at most. Milliseconds.
const LATE_MS_MAX: u64 = 3_600_000;
/// Events of one delivery, all of one tenant, unless a shape says otherwise.
pub const DELIVERY_EVENTS: u64 = 500;
/// Events within which the incident events of one tenant concern one app.
const INCIDENT_STRETCH: u64 = 40_000;
/// What an incident's app is granted.
const INCIDENT_SCOPES: &str = "Mail.ReadWrite Mail.Send offline_access";
/// People who belong to one pair of address and browser.
const HOMES: u64 = 5_000;
/// Distinct user agents.
const AGENTS: u64 = 200;

/// What makes one workload another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// Apps that people choose from.
    pub apps: u32,
    /// Tenants, spread evenly over the partitions.
    pub tenants: u32,
    /// People of each tenant.
    pub people: u32,
    /// Pairs of each tenant that were known before.
    pub known_pairs: u32,
    /// Events of one delivery, all of one tenant.
    pub delivery_events: u64,
}

impl Shape {
    /// Four companies of 25,000 people, one in each partition.
    pub const fn of_apps(apps: u32) -> Shape {
        Shape { apps, tenants: 4, people: 25_000, known_pairs: 75_000, delivery_events: DELIVERY_EVENTS }
    }

    /// The same four companies with so many people in all, three known pairs a person.
    pub const fn of_people(people: u32) -> Shape {
        let people = people / 4;
        Shape { people, known_pairs: 3 * people, ..Shape::of_apps(800) }
    }

    /// The same 100,000 people in so many companies of 100 apps each. Deliveries are smaller, so that every company has some.
    pub const fn of_tenants(tenants: u32) -> Shape {
        let people = 100_000 / tenants;
        Shape { apps: 100, tenants, people, known_pairs: 3 * people, delivery_events: 50 }
    }
}

/// Tells the events of a workload by their number.
#[derive(Debug)]
pub struct Workload {
    shape: Shape,
    seed: u64,
    zipf: Zipf,
    tenants: Vec<String>,
    connections: Vec<String>,
    hosts: Vec<String>,
    apps: Vec<(String, String)>,
    agents: Vec<String>,
}

/// Texts of one event, made for it alone.
#[derive(Debug, Default)]
pub struct Texts {
    native_id: String,
    session: String,
    transaction: String,
    app: String,
}

/// Partition of a topic that has four.
fn partition_of(tenant: &str) -> u32 {
    broker::partition_of(tenant.as_bytes(), PARTITIONS)
}

/// Partitions of a topic, unless a case says otherwise. Tenants are spread evenly over four, and so over two.
pub const PARTITIONS: u32 = 4;

const CITIES: [(&str, &str); 8] = [
    ("DE", "Berlin"),
    ("DE", "Hamburg"),
    ("FR", "Lyon"),
    ("NL", "Utrecht"),
    ("US", "Portland"),
    ("US", "Austin"),
    ("GB", "Leeds"),
    ("ES", "Valencia"),
];
const SYSTEMS: [&str; 4] = ["Windows 11", "Mac OS X", "Linux", "iOS"];
const BROWSERS: [&str; 3] = ["CHROME", "SAFARI", "FIREFOX"];

impl Workload {
    /// A workload of a shape, made from a seed.
    pub fn new(shape: Shape, seed: u64) -> Workload {
        let tenants = tenants(shape.tenants);
        Workload {
            shape,
            seed,
            zipf: Zipf::new(shape.apps, 1.1),
            connections: tenants.iter().map(|tenant| format!("okta-{tenant}")).collect(),
            hosts: tenants.iter().map(|tenant| format!("{tenant}.okta.example")).collect(),
            tenants,
            apps: (0..shape.apps).map(|app| (format!("0oa{:014x}d7", app * 77), format!("Bench App {app}"))).collect(),
            agents: (0..AGENTS).map(agent).collect(),
        }
    }

    /// The tenants, by their number.
    pub fn tenants(&self) -> &[String] {
        &self.tenants
    }

    /// Connections, by the number of their tenant.
    pub fn connections(&self) -> &[String] {
        &self.connections
    }

    /// The providers' tenants, by the number of ours.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The apps that people choose from.
    pub fn apps(&self) -> impl Iterator<Item = (AppRef<'_>, &str)> {
        self.apps.iter().map(|(id, name)| (app_ref(id), name.as_str()))
    }

    /// The pairs of a tenant that were known before: the app's number, and the person.
    pub fn known_pairs(&self, tenant: u64) -> impl Iterator<Item = (usize, UserKey)> {
        (0..u64::from(self.shape.known_pairs)).map(move |pair| self.pair(tenant, pair))
    }

    /// When the day began.
    pub const fn began(&self) -> Timestamp {
        MORNING
    }

    /// The tenant of an event.
    pub fn tenant_of(&self, number: u64) -> u64 {
        number / self.shape.delivery_events % u64::from(self.shape.tenants)
    }

    /// Events of one delivery.
    pub const fn delivery_events(&self) -> u64 {
        self.shape.delivery_events
    }

    /// The number of the first event that comes in the same delivery.
    const fn first_of_delivery(&self, number: u64) -> u64 {
        number / self.shape.delivery_events * self.shape.delivery_events
    }

    /// Hands the event of a number to `take`.
    pub fn with_event<T>(&self, number: u64, texts: &mut Texts, take: impl FnOnce(&Event<'_>) -> T) -> T {
        let random = self.random(number);
        // A second copy follows its first within the same delivery.
        let is_copy = random % 100 == 99 && number % self.shape.delivery_events >= 9;
        let number = if is_copy { number - 1 - random / 100 % 8 } else { number };
        take(&self.event(number, texts))
    }

    /// The event of a number, which is nobody's second copy.
    pub fn with_distinct_event<T>(&self, number: u64, texts: &mut Texts, take: impl FnOnce(&Event<'_>) -> T) -> T {
        take(&self.event(number, texts))
    }

    /// The incident app of an event, if it belongs to one; a second copy is not asked.
    fn incident(&self, number: u64) -> Option<String> {
        let is_incident = mixed(self.random(number) ^ 0x1d).is_multiple_of(1_000);
        is_incident.then(|| format!("0oaincident{}x{}", number / INCIDENT_STRETCH, self.tenant_of(number)))
    }

    fn event<'a>(&'a self, number: u64, texts: &'a mut Texts) -> Event<'a> {
        let (random, tenant) = (self.random(number), self.tenant_of(number));
        let pick = |salt: u64, count: u64| mixed(random ^ salt) % count;
        let place = tenant as usize;
        texts.fill(number, random);
        let is_new = pick(1, 100) < 2;
        let known = u64::from(self.shape.known_pairs);
        let pair = if is_new || known == 0 { known + number } else { pick(2, known) };
        let (app, user_key) = self.pair(tenant, pair);
        let incident = self.incident(number);
        let (id, name) = match incident {
            Some(id) => {
                texts.app = id;
                (texts.app.as_str(), "Helpful Mail Organizer")
            }
            None => (self.apps[app].0.as_str(), self.apps[app].1.as_str()),
        };
        let is_incident = name == "Helpful Mail Organizer";
        let late_ms = if pick(3, 20) == 0 { pick(4, LATE_MS_MAX) } else { 0 };
        let happened = MORNING.plus_ms(number as i64 * STEP_MS);
        let home = mixed(user_key.0) % HOMES;
        let (country, city) = CITIES[(home % 8) as usize];
        let event_id = EventId(u128::from(mixed(random)) << 64 | u128::from(mixed(random ^ 0x99)));
        let kind = if is_incident { Kind::OauthGrant } else { Kind::Sso };
        let mut event =
            Event::new(event_id, Source::Okta, &self.tenants[place], kind, happened.plus_ms(-(late_ms as i64)));
        event.stream = Stream::SystemLog;
        (event.connection, event.provider_tenant) = (&self.connections[place], &self.hosts[place]);
        event.native_id = &texts.native_id;
        event.native_type = if is_incident { "app.oauth2.as.consent.grant" } else { "user.authentication.sso" };
        (event.session_id, event.transaction_id) = (&texts.session, &texts.transaction);
        event.available_at = happened.plus_ms(400);
        event.received_at = MORNING.plus_ms(self.first_of_delivery(number) as i64 * STEP_MS + 900);
        (event.actor_type, event.user_key) = (ActorType::User, user_key);
        (event.app, event.app_name) = (app_ref(id), name);
        event.app_kind = if is_incident { AppKind::Oidc } else { AppKind::Saml };
        if is_incident {
            (event.scopes, event.consent_type) = (Tokens::from_canonical(INCIDENT_SCOPES), ConsentType::User);
        }
        event.outcome = if pick(5, 40) == 0 && !is_incident { Outcome::Failure } else { Outcome::Success };
        event.outcome_reason = if event.outcome == Outcome::Failure { "INVALID_CREDENTIALS" } else { "" };
        (event.auth_method, event.is_mfa) = ("password", pick(6, 3) > 0);
        event.ip = Ip::from(std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(0x0b00_0000 + (home as u32) * 37)));
        (event.asn, event.as_org) = (64_496 + (home % 40) as u32, "example transit");
        (event.country, event.city) = (country, city);
        event.user_agent = &self.agents[(mixed(user_key.0 ^ 7) % AGENTS) as usize];
        (event.ua_os, event.ua_browser) = (SYSTEMS[(home % 4) as usize], BROWSERS[(home % 3) as usize]);
        event
    }

    /// A pair of a tenant: the app's number, and the person.
    fn pair(&self, tenant: u64, pair: u64) -> (usize, UserKey) {
        let random = mixed(self.seed ^ tenant << 48 ^ pair);
        let person = mixed(random) % u64::from(self.shape.people);
        (self.zipf.pick(mixed(random ^ 3)), UserKey(mixed(tenant << 40 ^ person ^ 0xfeed).max(1)))
    }

    fn random(&self, number: u64) -> u64 {
        mixed(self.seed ^ mixed(number))
    }
}

impl Texts {
    fn fill(&mut self, number: u64, random: u64) {
        use std::fmt::Write as _;
        let Texts { native_id, session, transaction, .. } = self;
        for text in [&mut *native_id, &mut *session, &mut *transaction] {
            text.clear();
        }
        // Writing into a String cannot fail.
        write!(
            native_id,
            "{:08x}-{:04x}-11f1-{:04x}-{number:012x}",
            random >> 32,
            random & 0xffff,
            random >> 16 & 0xffff
        )
        .ok();
        // A session lasts for some events.
        write!(session, "102{:021x}", mixed(random % 50_000)).ok();
        write!(transaction, "{:027x}", u128::from(random) << 40 | u128::from(number)).ok();
    }
}

fn app_ref(id: &str) -> AppRef<'_> {
    AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id }
}

/// Names whose partitions are 0, 1, 2, 3, 0, …
fn tenants(count: u32) -> Vec<String> {
    let mut names = (0u32..).map(|number| format!("company-{number}"));
    let wanted = |place: u32| names.find(|name| partition_of(name) == place % PARTITIONS).unwrap();
    (0..count).map(wanted).collect()
}

fn agent(number: u64) -> String {
    let (system, version) = (SYSTEMS[(number % 4) as usize], 100 + number / 4);
    format!(
        "Mozilla/5.0 ({system}; x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    )
}

/// What a stretch of events comes to: compared with what stands in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Events.
    pub events: u64,
    /// The sum of the low halves of their ids, beyond 64 bits cut off.
    pub checksum: u64,
}

impl Truth {
    /// Adds an event.
    pub fn add(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.checksum = self.checksum.wrapping_add(event.event_id.0 as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const EVENTS: u64 = 40_000;

    fn each(workload: &Workload, mut look: impl FnMut(&Event<'_>)) {
        let mut texts = Texts::default();
        (0..EVENTS).for_each(|number| workload.with_event(number, &mut texts, &mut look));
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_seed_others() {
        let truth = |seed| {
            let mut truth = Truth::default();
            each(&Workload::new(Shape::of_apps(800), seed), |event| truth.add(event));
            truth
        };
        assert_eq!(truth(1), truth(1));
        assert_ne!(truth(1).checksum, truth(2).checksum);
        assert_eq!(truth(1).events, EVENTS);
    }

    #[test]
    fn copies_incidents_and_events_out_of_order_are_as_many_as_the_module_says() {
        let workload = Workload::new(Shape::of_apps(800), 1);
        let (mut ids, mut newest, mut late) = (BTreeMap::new(), BTreeMap::new(), 0);
        let (mut incidents, mut apps) = (0, BTreeSet::new());
        each(&workload, |event| {
            *ids.entry(event.event_id).or_insert(0) += 1;
            let newest = newest.entry(event.tenant.to_owned()).or_insert(event.occurred_at);
            // Second copies are a few events old.
            late += u32::from(event.occurred_at < newest.plus_ms(-1_000));
            *newest = event.occurred_at.max(*newest);
            incidents += u32::from(event.kind == Kind::OauthGrant);
            apps.insert(event.app.id.to_owned());
        });
        let copies = EVENTS as usize - ids.len();
        assert!((300..450).contains(&copies), "{copies} copies");
        assert!((1_700..2_200).contains(&late), "{late} late");
        assert!((20..70).contains(&incidents), "{incidents} of incidents");
        assert!(apps.iter().any(|app| app.starts_with("0oaincident")) && apps.len() > 500, "{} apps", apps.len());
    }

    #[test]
    fn two_events_of_a_hundred_are_of_a_pair_that_nobody_knew() {
        let workload = Workload::new(Shape::of_apps(800), 1);
        let known = |tenant| workload.known_pairs(tenant).map(|(app, user)| (workload.apps[app].0.clone(), user));
        let known: Vec<BTreeSet<(String, UserKey)>> = (0..4).map(|tenant| known(tenant).collect()).collect();
        let mut new = 0;
        each(&workload, |event| {
            let tenant = workload.tenants().iter().position(|name| name == event.tenant).unwrap();
            new += u32::from(!known[tenant].contains(&(event.app.id.to_owned(), event.user_key)));
        });
        // A little less: some new pairs of a popular app were known.
        assert!((500..900).contains(&new), "{new} of {EVENTS}");
    }

    #[test]
    fn every_company_of_ten_thousand_has_events() {
        let workload = Workload::new(Shape::of_tenants(10_000), 1);
        let with_events: BTreeSet<u64> = (0..500_000).map(|number| workload.tenant_of(number)).collect();
        assert_eq!(with_events.len(), workload.tenants().len());
    }

    #[test]
    fn tenants_are_spread_evenly() {
        let partitions: Vec<u32> = tenants(8).iter().map(|tenant| partition_of(tenant)).collect();
        assert_eq!(partitions, [0, 1, 2, 3, 0, 1, 2, 3]);
    }
}
