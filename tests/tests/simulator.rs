//! The simulator and the parsers were written apart, from the same descriptions of the formats: here they must agree, element by element.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::{collections::HashMap, sync::LazyLock};

use catalog::Catalogue;
use event::{AppIdKind, AppRef, Source, TenantKey};
use ingest::{
    delivery::EVENTS_PER_DELIVERY_MAX,
    parse::{Outcome, ParseContext, parse_body, readable_provider},
};
use simulator::{Company, Delivery, ElementTruth, Settings};

/// Any time: the end of the simulated history.
const ANCHOR_MS: i64 = 1_772_442_000_000;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

fn is_first_party(source: Source, id: &str) -> bool {
    CATALOGUE.resolve(&AppRef { source, id_kind: AppIdKind::ClientId, id }, "").is_first_party
}

/// What the parser makes of each element, and what the simulator says of it, in the same words.
fn read_and_meant(
    company: &Company,
    delivery: &Delivery,
    key: &TenantKey,
    kinds: &mut HashMap<String, &'static str>,
) -> (Vec<String>, Vec<String>) {
    let provider = delivery.feed.provider();
    let source = readable_provider(provider.as_str()).unwrap();
    let mut context = ParseContext::new("brightwater", delivery.feed.connection(), key);
    context.is_first_party = is_first_party;
    context.provider_tenant = Some(company.settings().provider_tenant(provider));
    let mut read = Vec::new();
    parse_body(source, &delivery.body, &context, EVENTS_PER_DELIVERY_MAX, &mut |_, outcome| {
        read.push(match outcome {
            Outcome::Event(event, _) => format!("event {} {}", event.native_id, event.kind),
            Outcome::Ignored { native_type } => format!("ignored {native_type}"),
            Outcome::Rejected { reason, .. } => format!("rejected {reason}"),
        });
    });
    let mut mean = |element: &ElementTruth| match element {
        ElementTruth::Event { native_id, kind, .. } => {
            kinds.insert(native_id.clone(), kind);
            format!("event {native_id} {kind}")
        }
        // The original came before.
        ElementTruth::Duplicate { native_id } => format!("event {native_id} {}", kinds[native_id]),
        ElementTruth::Ignored { native_type } => format!("ignored {native_type}"),
        ElementTruth::Rejected { reason } => format!("rejected {reason}"),
    };
    let meant = delivery.elements.iter().map(&mut mean).collect();
    (read, meant)
}

#[test]
fn the_parsers_read_every_element_as_the_simulator_means_it() {
    let key = TenantKey::new([1; 32]);
    let people = std::env::var("SIMULATED_PEOPLE").ok().and_then(|people| people.parse().ok()).unwrap_or(150);
    let company = Company::new(Settings { people, ..Settings::new(1, ANCHOR_MS) });
    let (mut elements, mut kinds) = (0, HashMap::new());
    for (number, delivery) in company.deliveries().enumerate() {
        let (read, meant) = read_and_meant(&company, &delivery, &key, &mut kinds);
        elements += meant.len();
        let at = read.iter().zip(&meant).position(|(read, meant)| read != meant).unwrap_or(meant.len().min(read.len()));
        let around = |list: &[String]| list.iter().skip(at.saturating_sub(2)).take(5).cloned().collect::<Vec<_>>();
        assert!(
            read == meant,
            "delivery {number} ({:?} {:?}), element {at}: read {:?}, meant {:?}",
            delivery.feed,
            delivery.form,
            around(&read),
            around(&meant)
        );
    }
    assert!(elements > 10_000, "only {elements} elements");
}
