//! How well labels are brought together: pairwise F1 over a labelled list, and no merge across publishers.
//!
//! Two labels are a pair when they mean one app. Precision is the share of the resolver's pairs that are true, recall the share of the true
//! pairs that it finds. The list was written with the catalogue at hand, so the figure says that nothing has become worse, not how well
//! strangers' labels do.

use std::collections::BTreeMap;

use catalog::Catalogue;
use event::{AppIdKind, AppRef, Source};

const LABELS_MIN: usize = 60;
const F1_MIN: f64 = 0.97;

struct Labelled {
    label: &'static str,
    expected: &'static str,
    resolved: String,
}

#[expect(clippy::unwrap_used, reason = "a test stops at a line of its list that it cannot read")]
fn labelled(catalogue: &Catalogue) -> Vec<Labelled> {
    let lines = include_str!("variants.tsv").lines().filter(|line| !line.starts_with('#'));
    let resolve = |(label, expected): (&'static str, &'static str)| {
        let app = AppRef { source: Source::Okta, id_kind: AppIdKind::Label, id: label };
        Labelled { label, expected, resolved: catalogue.resolve(&app, label).app_key(&app) }
    };
    lines.map(|line| resolve(line.split_once('\t').unwrap())).collect()
}

#[test]
fn pairwise_f1_of_the_labelled_list_is_high() {
    let catalogue = Catalogue::embedded().unwrap();
    let all = labelled(&catalogue);
    assert!(all.len() >= LABELS_MIN);
    let (mut found, mut missed, mut wrong) = (0_u32, 0_u32, 0_u32);
    for (index, one) in all.iter().enumerate() {
        for other in &all[index + 1..] {
            match (one.expected == other.expected, one.resolved == other.resolved) {
                (true, true) => found += 1,
                (true, false) => missed += 1,
                (false, true) => wrong += 1,
                (false, false) => {}
            }
        }
    }
    let f1 = f64::from(2 * found) / f64::from(2 * found + missed + wrong);
    println!("{} labels, {found} pairs found, {missed} missed, {wrong} wrong, F1 {f1:.4}", all.len());
    for each in &all {
        if !each.expected.starts_with('-') && each.expected != each.resolved {
            println!("{} is {}, not {}", each.label, each.expected, each.resolved);
        }
    }
    assert!(f1 >= F1_MIN, "F1 {f1:.4}");
}

#[test]
fn no_merge_joins_two_publishers() {
    let catalogue = Catalogue::embedded().unwrap();
    let publisher = |key: &'static str| catalogue.entry(key).map_or(key.to_owned(), |entry| entry.publisher.clone());
    let mut of_key: BTreeMap<String, (String, &str)> = BTreeMap::new();
    for each in labelled(&catalogue) {
        let expected = publisher(each.expected);
        let (known, label) = of_key.entry(each.resolved).or_insert((expected.clone(), each.label)).clone();
        assert_eq!(known, expected, "`{label}` and `{}` were joined", each.label);
    }
}

#[test]
fn every_app_of_the_list_is_one_that_the_catalogue_knows() {
    let catalogue = Catalogue::embedded().unwrap();
    for each in labelled(&catalogue).iter().filter(|each| !each.expected.starts_with('-')) {
        assert!(catalogue.entry(each.expected).is_some(), "{}", each.expected);
    }
}
