//! Who works for the company, where, and when.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    clock::DAY_MS,
    clock::civil,
    moment::PersonId,
    names,
    random::Random,
    settings::Settings,
    suite::Suite,
    writer::{Writer, guid, okta_id},
};

/// Days that the directory reaches back before the first event.
const DIRECTORY_LEAD_DAYS: i64 = 365;

/// People who were there before the run began, whatever chance says.
const FOUNDERS: u32 = 20;

/// A place of work.
pub(crate) struct Site {
    /// City, as Okta and Microsoft write it.
    pub(crate) city: &'static str,
    /// State or region.
    pub(crate) state: &'static str,
    /// English name, as Okta writes it.
    pub(crate) country: &'static str,
    /// ISO 3166-1 alpha-2, as the others write it.
    pub(crate) country_code: &'static str,
    /// `latitude,longitude`.
    pub(crate) position: (&'static str, &'static str),
    /// Minutes ahead of UTC.
    pub(crate) zone_minutes: i64,
    /// Autonomous system of the office; from the range for documentation.
    pub(crate) asn: i64,
    /// How many of a thousand people work here.
    share: u32,
}

/// The company's sites.
pub(crate) const SITES: &[Site] = &[
    site("Berlin", "Berlin", ("Germany", "DE"), ("52.5200", "13.4050"), 60, 64_500, 380),
    site("London", "England", ("United Kingdom", "GB"), ("51.5074", "-0.1278"), 0, 64_501, 190),
    site("New York", "New York", ("United States", "US"), ("40.7128", "-74.0060"), -300, 64_502, 180),
    site("San Francisco", "California", ("United States", "US"), ("37.7749", "-122.4194"), -480, 64_503, 100),
    site("Bengaluru", "Karnataka", ("India", "IN"), ("12.9716", "77.5946"), 330, 64_504, 100),
    site("Singapore", "Singapore", ("Singapore", "SG"), ("1.3521", "103.8198"), 480, 64_505, 50),
];

const fn site(
    city: &'static str,
    state: &'static str,
    (country, country_code): (&'static str, &'static str),
    position: (&'static str, &'static str),
    zone_minutes: i64,
    asn: i64,
    share: u32,
) -> Site {
    Site { city, state, country, country_code, position, zone_minutes, asn, share }
}

/// One person.
pub(crate) struct Person {
    /// First and family name.
    pub(crate) name: String,
    /// Lower case, and unique.
    pub(crate) mail: String,
    /// The department at the begin of the run.
    pub(crate) department: &'static str,
    /// The department from some day of the run on, for the few who move.
    pub(crate) moves_to: Option<(u32, &'static str)>,
    /// The first day of the run that this person works; 0 for nearly everybody.
    pub(crate) joins_day: u32,
    /// Where they work; the subsidiary is in Asia.
    pub(crate) site: &'static Site,
    /// Local minute of the day at which they start.
    pub(crate) start_minute: i64,
    /// Do they administer Okta and Entra?
    pub(crate) is_admin: bool,
    /// Okta's id of the person.
    pub(crate) okta_id: String,
    /// Microsoft's id of the person, in whichever tenant.
    pub(crate) entra_id: String,
    /// Google's id of the person: 21 digits.
    pub(crate) google_id: String,
    /// Last two bytes of the addresses that they come from.
    pub(crate) host: u32,
}

impl Person {
    /// The mail address in the case in which somebody once typed it.
    pub(crate) fn typed_mail(&self) -> String {
        if self.host.is_multiple_of(5) {
            let mut letters = self.mail.chars();
            return letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
        }
        self.mail.clone()
    }
}

/// Everybody, in a fixed order; the first one is the administrator who is never away.
pub(crate) fn hire(settings: &Settings) -> Vec<Person> {
    let mut random = Random::stream(settings.seed, "people", 0);
    let mut namesakes: BTreeMap<String, u32> = BTreeMap::new();
    (0..settings.people).map(|number| one(settings, number, &mut random, &mut namesakes)).collect()
}

fn one(settings: &Settings, number: u32, random: &mut Random, namesakes: &mut BTreeMap<String, u32>) -> Person {
    let (first, family) = (*random.pick(names::FIRST), *random.pick(names::FAMILY));
    let base = format!("{first}.{family}").to_lowercase();
    let namesake = namesakes.entry(base.clone()).and_modify(|count| *count += 1).or_insert(1);
    let suffix = if *namesake > 1 { namesake.to_string() } else { String::new() };
    let is_admin = number < 4;
    let department =
        if is_admin { "IT" } else { weighted(random, names::DEPARTMENTS.iter().map(|(name, share)| (*name, *share))) };
    // The first ones are always there, so that every suite has somebody from the first day on.
    let joins_day = if number >= FOUNDERS && random.happens(20) { random.below(settings.days) } else { 0 };
    let moves = !is_admin && random.happens(10);
    Person {
        name: format!("{first} {family}"),
        mail: format!("{base}{suffix}@{}", settings.mail_domain),
        department,
        moves_to: moves.then(|| (1 + random.below(settings.days), random.pick(names::DEPARTMENTS).0)),
        joins_day,
        site: site_of(number, random),
        start_minute: random.between(7 * 60 + 15, 10 * 60),
        is_admin,
        okta_id: okta_id("00u", random),
        entra_id: guid(random),
        google_id: format!("1{:020}", random.next()),
        host: random.below(65_536),
    }
}

fn site_of(number: u32, random: &mut Random) -> &'static Site {
    let is_asian = |site: &&Site| site.zone_minutes > 120;
    let sites = SITES.iter().map(|site| (site, site.share));
    match Suite::of(PersonId(number)) {
        Suite::Subsidiary => weighted(random, sites.filter(|(site, _)| is_asian(site))),
        _ => weighted(random, sites),
    }
}

/// One of several, each as likely as its share.
fn weighted<T: Copy>(random: &mut Random, mut choices: impl Iterator<Item = (T, u32)> + Clone) -> T {
    let total = choices.clone().map(|(_, share)| share).sum();
    let mut left = random.below(total);
    let chosen = choices.find(|(_, share)| {
        let is_here = left < *share;
        left = left.saturating_sub(*share);
        is_here
    });
    #[expect(
        clippy::expect_used,
        reason = "the number drawn is below the sum of the shares, and every list here is a constant"
    )]
    chosen.expect("one choice holds the number").0
}

/// The directory as a table: `email,department,valid_from,valid_to`, in UTC, the last one open. Moves have a time and not a date alone: so far
/// from the anchor, as all that happens in the run.
pub(crate) fn directory_csv(people: &[Person], settings: &Settings) -> String {
    let first_day = settings.anchor_ms.div_euclid(DAY_MS) - i64::from(settings.days);
    let mut csv = String::from("email,department,valid_from,valid_to\n");
    for person in people {
        let begin = date(first_day - DIRECTORY_LEAD_DAYS);
        let mut row = |department: &str, from: &str, to: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(csv, "{},{department},{from},{to}", person.mail);
        };
        match person.moves_to {
            Some((day, department)) => {
                let border = moment(settings.anchor_ms - (i64::from(settings.days) - i64::from(day)) * DAY_MS);
                row(person.department, &begin, &border);
                row(department, &border, "");
            }
            None => row(person.department, &begin, ""),
        }
    }
    csv
}

fn moment(at_ms: i64) -> String {
    let mut text = Vec::new();
    Writer(&mut text).second(at_ms).raw("Z");
    String::from_utf8_lossy(&text).into_owned()
}

fn date(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_shares_a_mail_address_and_the_directory_has_everybody() {
        let settings = Settings::new(1, 1_772_357_400_000);
        let people = hire(&settings);
        let mails: BTreeSet<&str> = people.iter().map(|person| person.mail.as_str()).collect();
        assert_eq!(mails.len(), 2_000);
        let csv = directory_csv(&people, &settings);
        let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == 4));
        assert_eq!(rows.iter().map(|row| row[0]).collect::<BTreeSet<_>>(), mails);
        let movers = people.iter().filter(|person| person.moves_to.is_some()).count();
        assert_eq!(rows.len(), 2_000 + movers);
        assert!(movers > 5);
    }

    #[test]
    fn shares_add_up_to_a_thousand() {
        assert_eq!(SITES.iter().map(|site| site.share).sum::<u32>(), 1_000);
        assert_eq!(names::DEPARTMENTS.iter().map(|(_, share)| share).sum::<u32>(), 1_000);
    }
}
