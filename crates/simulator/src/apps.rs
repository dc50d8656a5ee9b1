//! The apps of the company: which there are, how they are reached, and what IT thinks of them.

use crate::{
    names,
    random::Random,
    settings::Settings,
    writer::{google_client_id, guid, okta_id},
};

/// Apps that people brought in before or during the teaching days.
const EARLY_APPS: u32 = 12;
/// Sanctioned apps that IT rolls out during the run; the last ones of each provider.
const ROLLED_OUT: usize = 2;
/// Of a hundred sanctioned apps, so many are reached in each way; what is left over is Entra's.
const SHARES: [(Way, u32); 4] = [(Way::Okta, 52), (Way::GoogleClient, 8), (Way::GoogleSaml, 6), (Way::Subsidiary, 8)];
/// The first new apps hang on the two providers that everybody has: a team or half the company takes them up.
const SPREADING: u32 = 10;

/// Where dangerous apps turn up: mostly in the largest directory.
const DANGEROUS_WAYS: [Way; 4] = [Way::Entra, Way::Entra, Way::GoogleClient, Way::Subsidiary];

/// The identity provider that an app hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Okta System Log.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// Google Workspace.
    GoogleWorkspace,
    /// Microsoft 365, unified audit log.
    M365Ual,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Provider; 4] = [Provider::Okta, Provider::Entra, Provider::GoogleWorkspace, Provider::M365Ual];

    /// Its name in canonical events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Provider::Okta => "okta",
            Provider::Entra => "entra",
            Provider::GoogleWorkspace => "google_workspace",
            Provider::M365Ual => "m365_ual",
        }
    }
}

/// How people get into an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Okta, SAML.
    Saml,
    /// Okta, OpenID Connect.
    Oidc,
    /// Okta keeps the password.
    Vaulted,
    /// Entra, a client of some vendor.
    Client,
    /// Entra, Microsoft's own client; in the subsidiary, too.
    FirstParty,
    /// Google, a client of some vendor.
    GoogleClient,
    /// Google, SAML.
    GoogleSaml,
    /// The subsidiary's tenant, a client of some vendor.
    Subsidiary,
}

/// Where an app that IT wants, or that people bring, is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Okta,
    Entra,
    GoogleClient,
    GoogleSaml,
    Subsidiary,
}

/// What the company's story does with an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// IT wants it, and it is in use from the first day.
    Sanctioned,
    /// IT wants it, and brings it in during the run.
    RolledOut,
    /// IT forbade it.
    Blocked,
    /// Microsoft's own.
    FirstParty,
    /// Brought in by people while the system learns.
    Early,
    /// Brought in by people afterwards.
    New,
    /// Asks for mailboxes.
    Phishing,
    /// Asks for more than it needs.
    Powerful,
    /// An administrator lets it in for everybody.
    TenantWide,
    /// On public lists of rogue apps.
    Rogue,
    /// Calls itself nearly like a brand.
    LookAlike,
}

/// Place of an app in the list; only this crate makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AppId(pub(crate) u32);

/// One app.
pub(crate) struct App {
    /// Label in Okta and of Google's SAML apps, else the name that its maker chose.
    pub(crate) name: String,
    /// Okta's instance id, the client id, or the label of a SAML app of Google, which has no id.
    pub(crate) native_id: String,
    /// Microsoft's object in its tenant; empty elsewhere.
    pub(crate) object_id: String,
    /// How people get in.
    pub(crate) access: Access,
    /// Its part in the story.
    pub(crate) standing: Standing,
    /// Of a thousand people, so many use it; in its own department, where it has one.
    pub(crate) reach: u32,
    /// The department that it is made for.
    pub(crate) department: Option<&'static str>,
}

impl App {
    pub(crate) fn provider(&self) -> Provider {
        match self.access {
            Access::Saml | Access::Oidc | Access::Vaulted => Provider::Okta,
            Access::Client | Access::FirstParty => Provider::Entra,
            Access::GoogleClient | Access::GoogleSaml => Provider::GoogleWorkspace,
            Access::Subsidiary => Provider::M365Ual,
        }
    }

    /// What `native_id` is, as in canonical events.
    pub(crate) const fn id_kind(&self) -> &'static str {
        match self.access {
            Access::Saml | Access::Oidc | Access::Vaulted => "app_id",
            Access::GoogleSaml => "label",
            Access::Client | Access::FirstParty | Access::GoogleClient | Access::Subsidiary => "client_id",
        }
    }
}

/// All apps, in a fixed order.
pub(crate) fn install(settings: &Settings) -> Vec<App> {
    let mut maker = Maker::new(settings.seed);
    for (standing, list) in [(Standing::Phishing, names::PHISHING), (Standing::LookAlike, names::LOOK_ALIKES)] {
        for (name, way) in list.iter().zip(DANGEROUS_WAYS.into_iter().cycle()) {
            maker.on(way, (*name).to_owned(), standing);
        }
    }
    for (id, name) in names::ROGUE {
        maker.client((*name).to_owned(), Standing::Rogue);
        maker.rename_last(id);
    }
    for standing in [Standing::Powerful, Standing::TenantWide] {
        for way in DANGEROUS_WAYS {
            let name = maker.invent();
            // Only the company's own tenant has somebody who may speak for all.
            maker.on(if standing == Standing::TenantWide { Way::Entra } else { way }, name, standing);
        }
    }
    maker.okta(names::BLOCKED_BRAND.to_owned(), Access::Vaulted, Standing::Blocked);
    maker.brought(EARLY_APPS, Standing::Early);
    maker.brought(settings.unsanctioned_new, Standing::New);
    let sanctioned = settings.apps.saturating_sub(u32::try_from(maker.apps.len()).unwrap_or(u32::MAX));
    maker.sanctioned(sanctioned);
    for (id, name) in names::FIRST_PARTY {
        maker.client((*name).to_owned(), Standing::FirstParty);
        maker.rename_last(id);
    }
    maker.apps
}

/// Makes apps one by one, and hands each invented or brought name out once.
struct Maker {
    random: Random,
    invented: Vec<String>,
    brought: Vec<&'static str>,
    apps: Vec<App>,
}

impl Maker {
    fn new(seed: u64) -> Maker {
        let mut random = Random::stream(seed, "apps", 0);
        let mut invented: Vec<String> =
            names::STEMS.iter().flat_map(|stem| names::ENDINGS.iter().map(move |end| format!("{stem}{end}"))).collect();
        random.shuffle(&mut invented);
        let mut brought = names::BROUGHT_BRANDS.to_vec();
        random.shuffle(&mut brought);
        Maker { random, invented, brought, apps: Vec::new() }
    }

    /// A name that nobody else has. After 520 of them, the number of apps so far tells them apart.
    fn invent(&mut self) -> String {
        self.invented.pop().unwrap_or_else(|| format!("Inhouse Tool {}", self.apps.len()))
    }

    fn okta(&mut self, name: String, access: Access, standing: Standing) {
        let native_id = okta_id("0oa", &mut self.random);
        self.push(App { name, native_id, object_id: String::new(), access, standing, reach: 0, department: None });
    }

    fn client(&mut self, name: String, standing: Standing) {
        let access = if standing == Standing::FirstParty { Access::FirstParty } else { Access::Client };
        let (native_id, object_id) = (guid(&mut self.random), guid(&mut self.random));
        self.push(App { name, native_id, object_id, access, standing, reach: 0, department: None });
    }

    fn push(&mut self, app: App) {
        self.apps.push(app);
    }

    fn rename_last(&mut self, native_id: &str) {
        if let Some(app) = self.apps.last_mut() {
            native_id.clone_into(&mut app.native_id);
        }
    }

    /// Most of them labelled in Okta or clients in Entra, by turns; some in the suites that not everybody has.
    fn brought(&mut self, count: u32, standing: Standing) {
        for number in 0..count {
            let is_mixed = standing == Standing::Early || number >= SPREADING;
            let way = match number % 8 {
                5 if is_mixed => Way::GoogleClient,
                6 if is_mixed => Way::GoogleSaml,
                7 if is_mixed => Way::Subsidiary,
                place if place % 2 == 0 => Way::Okta,
                _ => Way::Entra,
            };
            let brand = if way == Way::Okta { self.brought.pop() } else { None };
            if let Some(brand) = brand {
                let access = if number % 8 == 0 { Access::Vaulted } else { Access::Saml };
                self.okta(brand.to_owned(), access, standing);
            } else {
                let name = self.invent();
                self.on(way, name, standing);
            }
        }
    }

    /// An app with a name of its own, put where it belongs.
    fn on(&mut self, way: Way, name: String, standing: Standing) {
        match way {
            Way::Okta => self.okta(name, Access::Oidc, standing),
            Way::Entra => self.client(name, standing),
            Way::GoogleClient => self.google(name, Access::GoogleClient, standing),
            Way::GoogleSaml => self.google(name, Access::GoogleSaml, standing),
            Way::Subsidiary => {
                self.client(name, standing);
                if let Some(app) = self.apps.last_mut() {
                    app.access = Access::Subsidiary;
                }
            }
        }
    }

    fn google(&mut self, name: String, access: Access, standing: Standing) {
        let client_id = google_client_id(&mut self.random);
        let native_id = if access == Access::GoogleSaml { name.clone() } else { client_id };
        self.push(App { name, native_id, object_id: String::new(), access, standing, reach: 0, department: None });
    }

    fn sanctioned(&mut self, count: u32) {
        let mut left = count;
        for (way, percent) in SHARES {
            left -= count * percent / 100;
            self.sanctioned_on(way, count * percent / 100);
        }
        self.sanctioned_on(Way::Entra, left);
    }

    fn sanctioned_on(&mut self, way: Way, count: u32) {
        for number in 0..count {
            if way == Way::Okta {
                let access = if number % 3 == 2 { Access::Oidc } else { Access::Saml };
                let brand = names::SANCTIONED_BRANDS.get(number as usize).map(|name| (*name).to_owned());
                let name = brand.unwrap_or_else(|| self.invent());
                self.okta(name, access, Standing::Sanctioned);
                self.reach_of_last(number, (6, 850), (26, 250));
            } else {
                let name = self.invent();
                self.on(way, name, Standing::Sanctioned);
                self.reach_of_last(number, (3, 600), (13, 200));
            }
        }
        if matches!(way, Way::Okta | Way::Entra) {
            self.roll_out_last();
        }
    }

    /// The first few apps are for everybody, some for many, the others for one department.
    fn reach_of_last(&mut self, number: u32, everybody: (u32, u32), many: (u32, u32)) {
        let department = self.random.pick(names::DEPARTMENTS).0;
        let Some(app) = self.apps.last_mut() else { return };
        (app.reach, app.department) = match number {
            _ if number < everybody.0 => (everybody.1, None),
            _ if number < many.0 => (many.1, None),
            _ => (480, Some(department)),
        };
    }

    fn roll_out_last(&mut self) {
        for app in self.apps.iter_mut().rev().take(ROLLED_OUT) {
            app.standing = Standing::RolledOut;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_app_has_its_own_name_and_id() {
        let apps = install(&Settings::new(5, 0));
        let plain = |name: &str| name.to_lowercase().replace(|letter: char| !letter.is_alphanumeric(), "");
        let names: BTreeSet<String> = apps.iter().map(|app| plain(&app.name)).collect();
        let ids: BTreeSet<&str> = apps.iter().map(|app| app.native_id.as_str()).collect();
        assert_eq!((names.len(), ids.len()), (apps.len(), apps.len()));
        let own = apps.iter().filter(|app| app.standing != Standing::FirstParty).count();
        assert_eq!(own, 250);
    }

    #[test]
    fn only_look_alikes_and_listed_apps_borrow_a_name_in_entra() {
        let brands: BTreeSet<&str> = [names::SANCTIONED_BRANDS, names::BROUGHT_BRANDS].concat().into_iter().collect();
        for app in install(&Settings::new(5, 0)) {
            assert!(app.access != Access::Client || !brands.contains(app.name.as_str()), "{}", app.name);
        }
    }
}
