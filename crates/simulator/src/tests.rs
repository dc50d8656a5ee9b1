//! What the demonstration rests on: the same seed gives the same bytes, the sums add up, and every truth can be seen in the text.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use serde_json::Value;

use crate::{
    Company, Delivery, ElementTruth, Feed, Form, IncidentKind, Phase, Provider, Settings, TYPED_PASSWORDS,
    apps::Standing,
    clock::{DAY_MS, HOUR_MS},
    moment::{Moment, Role},
    packing::writer_of,
    routine,
};

const ANCHOR_MS: i64 = 1_772_460_000_000;

fn small(seed: u64) -> Company {
    Company::new(Settings::small(seed, ANCHOR_MS))
}

fn digest(company: &Company) -> u64 {
    let mut hasher = DefaultHasher::new();
    for delivery in company.deliveries() {
        delivery.body.hash(&mut hasher);
        delivery.due_offset_ms.hash(&mut hasher);
    }
    hasher.finish()
}

fn moments(company: &Company) -> Vec<Moment> {
    let days = -i64::from(company.settings.days)..0;
    let routine = days.flat_map(|slot| routine::day(company, slot));
    routine.chain(routine::live(company)).chain(company.script.clone()).collect()
}

fn text(company: &Company, moment: &Moment) -> Vec<u8> {
    let mut out = Vec::new();
    let provider = moment.feed.provider();
    writer_of(provider)(company, moment, &mut out);
    if let Role::Malformed(malformation) = moment.role {
        malformation.apply(&mut out, moment.identity, company.settings.provider_tenant(provider), false);
    }
    out
}

/// The elements of a body that is whole JSON, or of its lines that are.
fn parsed(delivery: &Delivery) -> Vec<Option<Value>> {
    match delivery.form {
        Form::Lines => {
            String::from_utf8_lossy(&delivery.body).lines().map(|line| serde_json::from_str(line).ok()).collect()
        }
        form => {
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            let elements = match form {
                Form::OktaHook => body["data"]["events"].clone(),
                Form::Records => body["records"].clone(),
                Form::Activities => body["items"].clone(),
                Form::Array | Form::Lines => body,
            };
            elements.as_array().unwrap().iter().cloned().map(Some).collect()
        }
    }
}

fn native_id(element: &Value) -> &str {
    let places = [&element["uuid"], &element["properties"]["id"], &element["id"]["uniqueQualifier"], &element["Id"]];
    places.into_iter().find_map(Value::as_str).unwrap()
}

/// The places of a type.
fn types(element: &Value) -> [&Value; 5] {
    let name = &element["events"][0]["name"];
    [&element["eventType"], &element["operationName"], &element["category"], name, &element["Operation"]]
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    assert_eq!(digest(&small(1)), digest(&small(1)));
    assert_ne!(digest(&small(1)), digest(&small(2)));
}

#[test]
fn another_anchor_moves_the_events_and_changes_nothing_else() {
    let later = Company::new(Settings::small(1, ANCHOR_MS + 123_456_789));
    for (one, other) in small(1).deliveries().zip(later.deliveries()) {
        assert_eq!((&one.elements, one.due_offset_ms, one.form), (&other.elements, other.due_offset_ms, other.form));
        assert_eq!(one.body.len(), other.body.len());
        assert_ne!(one.body, other.body);
    }
}

#[test]
fn the_text_of_every_delivery_holds_what_its_truth_says() {
    let company = Company::new(Settings { people: 150, days: 5, ..Settings::small(3, ANCHOR_MS) });
    let mut deliveries = company.deliveries();
    let (mut feeds, mut forms) = (HashSet::new(), HashSet::new());
    for delivery in deliveries.by_ref() {
        feeds.insert(delivery.feed);
        forms.insert(format!("{:?}", delivery.form));
        let has_bad_json = delivery.elements.contains(&ElementTruth::Rejected { reason: "bad_json" });
        if has_bad_json && delivery.form != Form::Lines {
            assert!(serde_json::from_slice::<Value>(&delivery.body).is_err());
            continue;
        }
        let elements = parsed(&delivery);
        assert_eq!(elements.len(), delivery.elements.len());
        for (element, truth) in elements.iter().zip(&delivery.elements) {
            match (element, truth) {
                (None, ElementTruth::Rejected { reason: "bad_json" }) | (Some(_), ElementTruth::Rejected { .. }) => (),
                (Some(element), ElementTruth::Event { native_id: id, native_type, .. }) => {
                    assert_eq!(native_id(element), id);
                    assert!(types(element).contains(&&Value::from(*native_type)), "{native_type}");
                }
                (Some(element), ElementTruth::Duplicate { native_id: id }) => assert_eq!(native_id(element), id),
                (Some(element), ElementTruth::Ignored { native_type }) => {
                    assert!(types(element).contains(&&Value::from(*native_type)));
                }
                mismatch => panic!("{mismatch:?}"),
            }
        }
    }
    assert_eq!((feeds.len(), forms.len()), (Feed::ALL.len(), 5), "{feeds:?} {forms:?}");
    let truth = deliveries.truth();
    assert_eq!(truth.events + truth.duplicates + truth.ignored + truth.rejected, truth.provider_events);
}

#[test]
fn every_damaged_element_is_broken_for_its_reason_and_no_two_are_equal() {
    let company = Company::new(Settings { people: 200, days: 5, ..Settings::small(4, ANCHOR_MS) });
    let mut seen = HashSet::new();
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    for moment in moments(&company) {
        let text = text(&company, &moment);
        let value = serde_json::from_slice::<Value>(&text);
        let Role::Malformed(malformation) = moment.role else {
            assert!(value.is_ok(), "{}", String::from_utf8_lossy(&text));
            continue;
        };
        assert!(seen.insert(text.clone()), "{}", String::from_utf8_lossy(&text));
        let reason = malformation.reason();
        *reasons.entry(reason).or_default() += 1;
        let plain = String::from_utf8_lossy(&text).into_owned();
        match reason {
            "bad_json" => assert!(value.is_err(), "{plain}"),
            "bad_time" => assert!(plain.contains("-09-31T"), "{plain}"),
            "wrong_tenant" => {
                assert!(!plain.contains(company.settings.provider_tenant(moment.feed.provider())), "{plain}");
            }
            "not_an_event" => {
                let value = value.unwrap();
                let types = [&value["eventType"], &value["id"]["applicationName"], &value["Operation"]];
                assert!(value.is_string() || types.iter().all(|native_type| native_type.is_null()), "{plain}");
            }
            _ => {
                let value = value.unwrap();
                let properties = &value["properties"];
                let times = [
                    &value["published"],
                    &value["time"],
                    &value["id"]["time"],
                    &value["CreationTime"],
                    &properties["createdDateTime"],
                    &properties["activityDateTime"],
                ];
                assert!(times.iter().all(|time| time.is_null()), "{plain}");
            }
        }
    }
    assert_eq!(
        reasons.keys().copied().collect::<Vec<_>>(),
        ["bad_json", "bad_time", "missing_field", "not_an_event", "wrong_tenant"]
    );
}

#[test]
fn a_copy_follows_its_event_and_no_event_comes_twice() {
    let company = small(5);
    let mut seen = HashSet::new();
    let mut copies = 0;
    for element in company.deliveries().flat_map(|delivery| delivery.elements) {
        match element {
            ElementTruth::Event { native_id, .. } => assert!(seen.insert(native_id)),
            ElementTruth::Duplicate { native_id } => {
                copies += 1;
                assert!(seen.contains(&native_id));
            }
            _ => (),
        }
    }
    assert!(copies > 10);
}

#[test]
fn every_provider_has_its_incidents_and_its_people_have_one_mail_address_everywhere() {
    let company = small(5);
    let providers: HashSet<Provider> = company.incidents().iter().map(|incident| incident.provider).collect();
    assert_eq!(providers.len(), Provider::ALL.len());
    for moment in moments(&company) {
        let (provider, text) = (moment.feed.provider(), text(&company, &moment));
        assert!(provider.has(moment.person), "{provider:?} {:?}", moment.person);
        assert!(
            provider != Provider::GoogleWorkspace || moment.role != Role::Original || {
                let mail = company.person(moment.person).mail.to_lowercase();
                String::from_utf8_lossy(&text).to_lowercase().contains(&mail)
            }
        );
    }
}

#[test]
fn the_poll_of_okta_brings_once_more_what_the_hook_brought() {
    let company = Company::new(Settings { people: 200, ..Settings::small(5, ANCHOR_MS) });
    let mut first: HashMap<String, Feed> = HashMap::new();
    let (mut both_ways, mut one_way) = (0, 0);
    for delivery in company.deliveries() {
        for element in &delivery.elements {
            match element {
                ElementTruth::Event { native_id, .. } => {
                    first.insert(native_id.clone(), delivery.feed);
                }
                ElementTruth::Duplicate { native_id } if first[native_id] != delivery.feed => {
                    both_ways += 1;
                    assert_eq!((first[native_id], delivery.feed), (Feed::OktaHook, Feed::OktaLog));
                }
                ElementTruth::Duplicate { .. } => one_way += 1,
                _ => (),
            }
        }
    }
    assert!(both_ways > 10 && one_way > 10, "{both_ways} {one_way}");
}

#[test]
fn token_events_of_google_come_hours_late_and_some_of_history_in_the_live_phase() {
    let company = Company::new(Settings { people: 200, ..Settings::small(5, ANCHOR_MS) });
    let lag = |moment: &Moment| moment.due - moment.occurred;
    let originals: Vec<Moment> = moments(&company).into_iter().filter(|moment| moment.role == Role::Original).collect();
    let of_tokens: Vec<&Moment> = originals.iter().filter(|moment| moment.feed == Feed::GoogleToken).collect();
    let late = of_tokens.iter().filter(|moment| moment.due < 0 && lag(moment) > 4 * HOUR_MS).count();
    let belated = of_tokens.iter().filter(|moment| moment.occurred < 0 && moment.due >= 0).count();
    assert!(late > 5 && belated > 5, "{late} {belated}");
    assert!(originals.iter().all(|moment| moment.feed.is_slow() || lag(moment) <= HOUR_MS));
}

#[test]
fn every_incident_is_delivered_whole_and_in_its_phase() {
    let company = small(6);
    let mut delivered: BTreeMap<u32, Vec<(String, Phase)>> = BTreeMap::new();
    for delivery in company.deliveries() {
        for element in delivery.elements {
            if let ElementTruth::Event { native_id, incident: Some(number), .. } = element {
                delivered.entry(number).or_default().push((native_id, delivery.phase));
            }
        }
    }
    for incident in company.incidents() {
        let mut ids: Vec<String> = delivered[&incident.number].iter().map(|(id, _)| id.clone()).collect();
        let mut expected = incident.native_ids.clone();
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{incident:?}");
        let is_live = delivered[&incident.number].iter().any(|(_, phase)| *phase == Phase::Live);
        assert_eq!(is_live, incident.is_live, "{incident:?}");
        assert_eq!(incident.is_live, incident.occurred_at_ms >= ANCHOR_MS);
    }
}

#[test]
fn new_apps_are_no_incident_while_the_system_learns_and_danger_always_is() {
    for settings in [Settings::small(7, ANCHOR_MS), Settings { people: 300, ..Settings::new(7, ANCHOR_MS) }] {
        let company = Company::new(settings);
        let teaching_end = ANCHOR_MS + company.teaching_end();
        let muted = [IncidentKind::NewUnsanctionedApp, IncidentKind::PowerfulConsent, IncidentKind::SpreadThroughTeam];
        let (early, late): (Vec<_>, Vec<_>) =
            company.incidents().iter().partition(|incident| incident.occurred_at_ms < teaching_end);
        assert!(early.iter().all(|incident| !muted.contains(&incident.kind)));
        assert!(early.len() >= 3, "danger comes on any day");
        for moment in &company.script {
            let is_early = company.app(moment.app).standing == Standing::Early;
            assert!(!is_early || moment.occurred < company.teaching_end() - DAY_MS, "known a day before teaching ends");
        }
        let new = late.iter().filter(|incident| incident.kind == IncidentKind::NewUnsanctionedApp).count();
        assert!(new >= 40, "{new}");
        assert!(late.iter().filter(|incident| incident.is_live).count() >= 20);
    }
}

#[test]
fn an_app_that_stays_small_has_few_people_and_one_that_spreads_has_many() {
    let company = Company::new(Settings::new(8, ANCHOR_MS));
    let mut people: HashMap<&str, BTreeSet<u32>> = HashMap::new();
    for moment in &company.script {
        people.entry(company.app(moment.app).native_id.as_str()).or_default().insert(moment.person.0);
    }
    let of = |kind| company.incidents().iter().filter(move |incident| incident.kind == kind);
    let spreads: HashSet<&str> =
        of(IncidentKind::SpreadThroughTeam).map(|found| found.app_native_id.as_str()).collect();
    for incident in of(IncidentKind::NewUnsanctionedApp) {
        let count = people[incident.app_native_id.as_str()].len();
        assert_eq!(spreads.contains(incident.app_native_id.as_str()), count > 3, "{count} {incident:?}");
    }
    for incident in of(IncidentKind::SpreadThroughCompany) {
        assert!(people[incident.app_native_id.as_str()].len() > 55);
    }
    assert_eq!((spreads.len(), of(IncidentKind::SpreadThroughCompany).count()), (10, 2));
    assert!(of(IncidentKind::SpreadThroughCompany).any(|incident| incident.is_live));
}

#[test]
fn the_full_company_has_the_promised_size_and_shares() {
    let company = Company::new(Settings::new(1, ANCHOR_MS));
    let mut deliveries = company.deliveries();
    let mut sizes: BTreeMap<Provider, (usize, usize)> = BTreeMap::new();
    let (mut live, mut last_due, mut small_ones) = (0, i64::MIN, 0);
    for delivery in deliveries.by_ref() {
        assert!(delivery.body.len() < 1_048_576);
        assert!(delivery.due_offset_ms >= last_due || delivery.phase == Phase::History);
        last_due = delivery.due_offset_ms;
        small_ones += u32::from(delivery.phase == Phase::History && delivery.elements.len() < 100);
        live += u32::from(delivery.phase == Phase::Live);
        let size = sizes.entry(delivery.feed.provider()).or_default();
        *size = (size.0 + delivery.body.len(), size.1 + delivery.elements.len());
    }
    assert!(small_ones <= 7, "only the last delivery of a way is smaller");
    assert!((250..=350).contains(&live), "{live}");
    assert!((30_000..31_000).contains(&last_due), "{last_due}");
    let truth = deliveries.truth();
    assert!(truth.provider_events - truth.duplicates >= 500_000, "{truth:?}");
    assert_eq!(truth.events + truth.duplicates + truth.ignored + truth.rejected, truth.provider_events);
    let per_mille = |part: u64| part * 1_000 / truth.provider_events;
    assert!((9..=11).contains(&per_mille(truth.duplicates)), "{truth:?}");
    assert!((9..=11).contains(&per_mille(truth.rejected)), "{truth:?}");
    assert!((45..=55).contains(&(truth.late * 1_000 / truth.events)), "{truth:?}");
    assert!((30..=120).contains(&per_mille(truth.ignored)), "{truth:?}");
    let bounds = [
        (Provider::Okta, 1_400, 2_400),
        (Provider::Entra, 1_800, 2_800),
        (Provider::GoogleWorkspace, 700, 1_400),
        (Provider::M365Ual, 1_200, 2_400),
    ];
    for (provider, low, high) in bounds {
        let (bytes, count) = sizes[&provider];
        assert!((low..high).contains(&(bytes / count)), "{provider:?}: {} bytes an event", bytes / count);
    }
}

#[test]
fn decisions_name_what_it_wanted_and_the_one_app_that_it_forbade() {
    let company = small(9);
    let decisions = company.decisions();
    assert_eq!(decisions.iter().filter(|decision| decision.status == "blocked").count(), 1);
    let decided: HashSet<&str> = decisions.iter().map(|decision| decision.native_id.as_str()).collect();
    for incident in company.incidents() {
        let is_decided = decided.contains(incident.app_native_id.as_str());
        assert_eq!(is_decided, incident.kind == IncidentKind::UseOfBlockedApp, "{incident:?}");
    }
}

#[test]
fn somebody_types_a_password_where_the_name_belongs() {
    let company = Company::new(Settings { people: 400, days: 5, ..Settings::small(10, ANCHOR_MS) });
    let bodies = company.deliveries().map(|delivery| String::from_utf8_lossy(&delivery.body).into_owned());
    assert!(bodies.into_iter().any(|body| TYPED_PASSWORDS.iter().any(|typed| body.contains(typed))));
}
