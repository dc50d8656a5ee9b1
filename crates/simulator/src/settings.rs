//! What a company is like before chance takes over.

use crate::apps::Provider;

/// The company to simulate. Two runs with equal settings give equal bytes; with another `anchor_ms`, equal events moved in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Decides everything that the other settings leave open.
    pub seed: u64,
    /// People on the payroll; at least 20.
    pub people: u32,
    /// Days of history before the anchor; at least 2.
    pub days: u32,
    /// Apps of the company in all, the new ones among them and Microsoft's own not; at least 80 more than the new ones.
    pub apps: u32,
    /// Harmless apps that nobody decided on and that appear after the teaching days; at least 40. The dangerous ones come on top.
    pub unsanctioned_new: u32,
    /// The first days of history, in which a new app is nothing that anybody should be told; less than `days`.
    pub teaching_days: u32,
    /// The end of history and the begin of the live phase, milliseconds since 1970 in UTC; a whole second, because the unified audit log tells
    /// no smaller part.
    pub anchor_ms: i64,
    /// How long the live phase is.
    pub live_ms: i64,
    /// Small deliveries in a second of the live phase, all providers together; fewer where little happens.
    pub live_deliveries_per_second: u32,
    /// Events in a second of the live phase, the incidents aside.
    pub live_events_per_second: u32,
    /// Okta's name for the company.
    pub okta_host: String,
    /// Entra's name for the company.
    pub entra_tenant: String,
    /// Google's name for the company.
    pub google_customer: String,
    /// Microsoft's name for the subsidiary.
    pub m365_tenant: String,
    /// The part of every mail address after the `@`.
    pub mail_domain: String,
}

impl Settings {
    /// The company of the full demonstration: 2,000 people, 30 days, 250 apps.
    #[must_use]
    pub fn new(seed: u64, anchor_ms: i64) -> Settings {
        Settings {
            seed,
            people: 2_000,
            days: 30,
            apps: 250,
            unsanctioned_new: 48,
            teaching_days: 14,
            anchor_ms,
            live_ms: 30_000,
            live_deliveries_per_second: 10,
            live_events_per_second: 40,
            okta_host: "brightwater.okta.example".to_owned(),
            entra_tenant: "5d1c7a52-90b4-4e0f-9a63-2f8c41d7e6b0".to_owned(),
            google_customer: "C03brwtr7".to_owned(),
            m365_tenant: "a7e0c913-46d8-4b25-8f70-c15b9d3e2a64".to_owned(),
            mail_domain: "brightwater.example.com".to_owned(),
        }
    }

    /// A company small enough for a test of every build: 50 people, 3 days of which two teach.
    #[must_use]
    pub fn small(seed: u64, anchor_ms: i64) -> Settings {
        Settings { people: 50, days: 3, teaching_days: 2, ..Settings::new(seed, anchor_ms) }
    }

    /// The name that a provider has for the company.
    #[must_use]
    pub fn provider_tenant(&self, provider: Provider) -> &str {
        match provider {
            Provider::Okta => &self.okta_host,
            Provider::Entra => &self.entra_tenant,
            Provider::GoogleWorkspace => &self.google_customer,
            Provider::M365Ual => &self.m365_tenant,
        }
    }

    /// The same, with every number brought to what its documentation allows.
    pub(crate) fn within_limits(mut self) -> Settings {
        self.people = self.people.clamp(20, 60_000);
        self.days = self.days.clamp(2, 300);
        self.unsanctioned_new = self.unsanctioned_new.clamp(40, 400);
        self.apps = self.apps.clamp(self.unsanctioned_new + 80, 1_200);
        self.teaching_days = self.teaching_days.clamp(1, self.days - 1);
        self.anchor_ms -= self.anchor_ms.rem_euclid(1_000);
        self.live_ms = self.live_ms.clamp(10_000, 600_000);
        self.live_deliveries_per_second = self.live_deliveries_per_second.clamp(2, 100);
        self
    }
}
