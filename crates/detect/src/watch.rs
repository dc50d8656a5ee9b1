//! Keeps the gauge of new apps current: every few seconds, from what is remembered, never from a single event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use event::Timestamp;
use prometheus::{IntGaugeVec, Opts, Registry};

use crate::{
    first_seen::{NewApp, Selection, new_apps, select},
    work::Work,
};

/// How often the memory is looked through. Prometheus looks every 15 s.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The gauge, and the time of the log that it is worked out for.
pub(crate) struct Watch {
    first_seen: IntGaugeVec,
    suppressed: IntGaugeVec,
    /// Labels of the series that stand, so that one that is over can be taken away alone: a scrape never meets a gap in the others.
    shown: BTreeSet<[String; 3]>,
    tenants: BTreeSet<String>,
    log_time: Timestamp,
    looked_at: Option<Instant>,
}

impl Watch {
    /// Registers the gauge.
    pub(crate) fn register(registry: &Registry) -> Result<Watch, prometheus::Error> {
        let first_seen = IntGaugeVec::new(
            Opts::new(
                "daylight_unsanctioned_app_first_seen_timestamp_seconds",
                "First use of an app that was first seen in the last 24 hours and that nobody has decided about.",
            ),
            &["tenant", "app", "severity"],
        )?;
        let suppressed = IntGaugeVec::new(
            Opts::new(
                "daylight_unsanctioned_app_series_suppressed",
                "New apps that daylight_unsanctioned_app_first_seen_timestamp_seconds leaves out because there are too many.",
            ),
            &["tenant"],
        )?;
        registry.register(Box::new(first_seen.clone()))?;
        registry.register(Box::new(suppressed.clone()))?;
        let (shown, tenants) = (BTreeSet::new(), BTreeSet::new());
        Ok(Watch { first_seen, suppressed, shown, tenants, log_time: Timestamp::MISSING, looked_at: None })
    }

    /// The log has come this far.
    pub(crate) fn log_is_at(&mut self, logged_at: Timestamp) {
        self.log_time = self.log_time.max(logged_at);
    }

    /// Partitions came or went: the next look is due at once.
    pub(crate) fn look_soon(&mut self) {
        self.looked_at = None;
    }

    /// Looks, if it is time.
    pub(crate) fn look(&mut self, work: &mut Work) {
        if self.looked_at.is_some_and(|looked_at| looked_at.elapsed() < LOOK_INTERVAL) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let tenants: Vec<String> = work.tenants().into_iter().map(str::to_owned).collect();
        let (engine, enricher, now) = (&mut work.engine, &mut work.enricher, self.log_time);
        // A log that has said nothing yet has no last 24 hours.
        let tenants = tenants.into_iter().filter(|_| now.is_some());
        let apps: BTreeMap<String, Vec<NewApp>> = tenants
            .map(|tenant| {
                let apps = new_apps(&tenant, now, engine, enricher);
                (tenant, apps)
            })
            .collect();
        self.show(&select(apps.into_iter()));
    }

    /// Makes the gauge show exactly this.
    fn show(&mut self, selection: &Selection) {
        let mut shown = BTreeSet::new();
        for app in &selection.shown {
            let labels = [app.tenant.clone(), app.app.clone(), app.severity.as_str().to_owned()];
            self.first_seen.with_label_values(&labels).set(app.first_seen.0.div_euclid(1_000));
            shown.insert(labels);
        }
        for gone in self.shown.difference(&shown) {
            forget(&self.first_seen, gone);
        }
        for (tenant, apps) in &selection.suppressed {
            self.suppressed.with_label_values(&[tenant]).set(i64::try_from(*apps).unwrap_or(i64::MAX));
        }
        let tenants: BTreeSet<String> = selection.suppressed.keys().cloned().collect();
        for gone in self.tenants.difference(&tenants) {
            forget(&self.suppressed, &[gone]);
        }
        (self.shown, self.tenants) = (shown, tenants);
    }
}

fn forget<T: AsRef<str> + std::fmt::Debug>(gauge: &IntGaugeVec, labels: &[T]) {
    if let Err(error) = gauge.remove_label_values(labels) {
        tracing::warn!(%error, ?labels, "a series that is over cannot be taken away");
    }
}

#[cfg(test)]
mod tests {
    use event::Severity;
    use prometheus::{Encoder, TextEncoder};

    use super::*;

    fn app(name: &str, first_seen_ms: i64) -> NewApp {
        NewApp {
            tenant: "acme".into(),
            app: name.into(),
            severity: Severity::Low,
            first_seen: Timestamp(first_seen_ms),
        }
    }

    fn lines(registry: &Registry) -> Vec<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
        String::from_utf8(text).unwrap().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn the_gauge_shows_what_was_selected_and_forgets_what_no_longer_is() {
        let registry = Registry::new();
        let mut watch = Watch::register(&registry).unwrap();
        watch.show(&select([("acme".to_owned(), vec![app("a.com", 1_999), app("b.com", 3_000)])].into_iter()));
        let name = "daylight_unsanctioned_app_first_seen_timestamp_seconds";
        assert_eq!(
            lines(&registry),
            [
                format!(r#"{name}{{app="a.com",severity="low",tenant="acme"}} 1"#),
                format!(r#"{name}{{app="b.com",severity="low",tenant="acme"}} 3"#),
                r#"daylight_unsanctioned_app_series_suppressed{tenant="acme"} 0"#.to_owned(),
            ]
        );
        watch.show(&select([("acme".to_owned(), vec![app("b.com", 3_000)])].into_iter()));
        assert_eq!(lines(&registry).len(), 2, "{:?}", lines(&registry));
        watch.show(&Selection::default());
        assert!(lines(&registry).is_empty(), "the tenant's partition went: {:?}", lines(&registry));
    }
}
