//! The tables of one tenant, and what they make of an event.

use std::{collections::HashMap, sync::Arc};

use catalog::{Catalogue, Category, GrantRisk, Resolution};
use event::{
    AppIdKind, AppKind, AppRef, Control, Event, Kind, Position, Source, Status, TableName, TableVersion, Timestamp,
};

use crate::{
    Aliases, AppInfo, Applied, Decisions, Directory, Enriched,
    apps::{KnownApp, KnownApps},
    decisions::Subject,
};

/// Apps whose name is remembered per tenant, source and kind of id. Those that come later are shown by their id where an event does not name them.
const NAMES_MAX: usize = 65_536;

/// Bits of the number of an app as delivered that count the apps of one tenant; those above say which tenant.
const NUMBER_BITS: u32 = 40;

/// A sanctioned app of some category.
#[derive(Clone, Debug)]
struct Offer {
    app_key: String,
    name: String,
    department: String,
    expires_at: Timestamp,
}

/// Everything that is known about one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    /// A tenant's own, because its log notes when it changes.
    catalogue: Arc<Catalogue>,
    pub(crate) aliases: Aliases,
    pub(crate) decisions: Decisions,
    directory: Arc<Directory>,
    /// The last note of each table: where it stands, and which version it says.
    noted: Vec<(TableName, Position, String)>,
    position: Position,
    apps: KnownApps,
    names: Names,
    offers: Vec<(Category, Vec<Offer>)>,
    version: String,
}

impl Tenant {
    /// A tenant about which nothing has been decided, the one at this place among all.
    pub(crate) fn new(catalogue: &Arc<Catalogue>, place: u64) -> Tenant {
        let mut tenant = Tenant::with_files(Arc::clone(catalogue), Arc::default());
        tenant.apps.number_from(place << NUMBER_BITS);
        tenant
    }

    /// The same tenant, about which nothing has been decided.
    pub(crate) fn forgetful(&self) -> Tenant {
        let mut tenant = Tenant::with_files(Arc::clone(&self.catalogue), Arc::clone(&self.directory));
        tenant.apps.number_after(&self.apps);
        tenant
    }

    fn with_files(catalogue: Arc<Catalogue>, directory: Arc<Directory>) -> Tenant {
        let mut tenant = Tenant {
            catalogue,
            aliases: Aliases::default(),
            decisions: Decisions::default(),
            directory,
            noted: Vec::new(),
            position: Position::default(),
            apps: KnownApps::default(),
            names: Names::default(),
            offers: Vec::new(),
            version: String::new(),
        };
        tenant.rework();
        tenant
    }

    pub(crate) fn apply(&mut self, control: &Control, position: Position) -> Applied {
        match control {
            Control::Decision(decision) => self.decisions.apply(decision, position),
            Control::Alias(alias) => {
                if let Err(refused) = self.aliases.apply(alias, position) {
                    return Applied::Refused(refused);
                }
            }
            Control::TableVersion(noted) => {
                self.note(noted, position);
                return Applied::Unchanged;
            }
            Control::Tick(tick) => {
                if self.decisions.expire(tick.at) == 0 {
                    return Applied::Unchanged;
                }
            }
            Control::Reveal(_) => return Applied::Unchanged,
        }
        self.position = self.position.max(position);
        self.rework();
        Applied::Changed
    }

    /// Remembers the last note of a table, in whatever order notes come.
    fn note(&mut self, version: &TableVersion, position: Position) {
        let is_older = |(table, at, _): &(TableName, Position, String)| *table == version.table && *at > position;
        if !self.noted.iter().any(is_older) {
            self.noted.retain(|(table, ..)| *table != version.table);
            self.noted.push((version.table, position, version.version.clone()));
        }
    }

    pub(crate) fn swap_catalogue(&mut self, catalogue: Arc<Catalogue>) {
        self.catalogue = catalogue;
        self.rework();
    }

    pub(crate) const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    pub(crate) fn swap_directory(&mut self, directory: Arc<Directory>) {
        self.directory = directory;
        self.rework();
    }

    pub(crate) fn directory_version(&self) -> &str {
        self.directory.version()
    }

    /// Forgets what was worked out from tables that have changed.
    fn rework(&mut self) {
        let catalogue = Arc::clone(&self.catalogue);
        self.apps.clear();
        self.version = format!("{}.{}.{}", catalogue.version(), self.directory.version(), self.position);
        self.offers.clear();
        for (app_key, standing) in self.decisions.apps(&self.aliases) {
            let Some(entry) = catalogue.entry(&app_key) else { continue };
            for (department, expires_at) in standing.sanctioned() {
                let (app_key, name, department) = (app_key.clone(), entry.name.clone(), department.to_owned());
                let offer = Offer { app_key, name, department, expires_at };
                match self.offers.iter_mut().find(|(category, _)| *category == entry.category) {
                    Some((_, offers)) => offers.push(offer),
                    None => self.offers.push((entry.category, vec![offer])),
                }
            }
        }
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn noted_version(&self, table: TableName) -> &str {
        self.noted.iter().find(|(noted, ..)| *noted == table).map_or("", |(.., version)| version)
    }

    /// What the tables say about an app.
    pub(crate) fn app(&mut self, app: &AppRef<'_>, name: &str) -> Option<&KnownApp> {
        let place = self.place(app, name, false)?;
        self.apps.at(place)
    }

    /// Where the app stands among the known ones; it does so afterwards.
    fn place(&mut self, app: &AppRef<'_>, name: &str, is_marked: bool) -> Option<u32> {
        if !app.is_some() {
            return None;
        }
        if !name.is_empty() {
            let known = self.apps.place(app, name, is_marked);
            return Some(known.unwrap_or_else(|| self.work_out(app, name, is_marked)));
        }
        let name = self.names.of(app).map(str::to_owned).unwrap_or_default();
        let known = self.apps.place(app, &name, is_marked);
        Some(known.unwrap_or_else(|| self.work_out(app, &name, is_marked)))
    }

    /// The event with what the tables say about it.
    pub(crate) fn enrich<'a>(&'a mut self, event: &'a Event<'a>) -> Enriched<'a> {
        let is_marked = event.app_kind == AppKind::FirstParty;
        let place = self.place(&event.app, event.app_name, is_marked);
        let tenant = &*self;
        let known = place.and_then(|place| tenant.apps.at(place));
        let department = tenant.directory.department_at(event.user_key, event.occurred_at);
        // A late event meets what has ended since; an early one what will have ended by then.
        let at = event.occurred_at.max(tenant.decisions.now());
        let status = known.map_or(Status::Unreviewed, |known| known.standing.status(department, at));
        let alternative = match known {
            Some(known) if !status.is_approved() => tenant.alternative(known, department, at),
            _ => "",
        };
        Enriched {
            event,
            app: known.map(|known| &known.info),
            status,
            alternative,
            department,
            grant_risk: grant_risk(&tenant.catalogue, event),
            tables_version: &tenant.version,
        }
    }

    /// The sanctioned app of the same category: the first by key, so that every reader names the same one.
    fn alternative(&self, known: &KnownApp, department: &str, at: Timestamp) -> &str {
        let Some(category) = known.category.filter(|category| *category != Category::Other) else { return "" };
        let of_category = self.offers.iter().find(|(each, _)| *each == category);
        let mut offers = of_category.into_iter().flat_map(|(_, offers)| offers);
        let fits = |offer: &&Offer| {
            let is_for_them = offer.department.is_empty() || offer.department == department;
            let is_in_force = !offer.expires_at.is_some() || offer.expires_at > at;
            is_for_them && is_in_force && offer.app_key != known.info.app_key
        };
        offers.find(fits).map_or("", |offer| &offer.name)
    }

    /// Remembers what an app is called, for the events that do not say: the first name counts.
    pub(crate) fn learn_name(&mut self, app: &AppRef<'_>, name: &str) {
        self.names.learn(app, name);
    }

    /// `is_marked`: whoever read the event knew the app for the provider's own, or for the client by which we log in there. That is said by id, or
    /// by what only an administrator sets, as the catalogue's lists are.
    fn work_out(&mut self, app: &AppRef<'_>, name: &str, is_marked: bool) -> u32 {
        let catalogue = Arc::clone(&self.catalogue);
        self.names.learn(app, name);
        let mut resolution = catalogue.resolve(app, name);
        if is_marked {
            (resolution.is_first_party, resolution.look_alike) = (true, None);
        }
        let (app_ref, own_key) = (app.to_string(), resolution.app_key(app));
        let canonical = self.aliases.canonical(&own_key);
        let subject = Subject { app_ref: &app_ref, own_key: &own_key, canonical, by: resolution.by };
        let standing = self.decisions.standing(&subject, &self.aliases);
        let info = info(&catalogue, &resolution, &own_key, canonical, if name.is_empty() { app.id } else { name });
        self.apps.insert(app, name, is_marked, info, standing)
    }
}

/// What apps are called, by reference. Okta names an app in its sign-ons and not in its consents; both must come to the same `app_key`.
/// The first name in the order of the log counts, so that every reader who began at the same place has the same.
#[derive(Clone, Debug, Default)]
struct Names(HashMap<(Source, AppIdKind), HashMap<String, String>>);

impl Names {
    fn of(&self, app: &AppRef<'_>) -> Option<&str> {
        self.0.get(&(app.source.issuer(), app.id_kind))?.get(app.id).map(String::as_str)
    }

    fn learn(&mut self, app: &AppRef<'_>, name: &str) {
        let names = self.0.entry((app.source.issuer(), app.id_kind)).or_default();
        if !name.is_empty() && names.len() < NAMES_MAX && !names.contains_key(app.id) {
            names.insert(app.id.to_owned(), name.to_owned());
        }
    }
}

/// What is known about an app, under its key before and after merges.
fn info(catalogue: &Catalogue, resolution: &Resolution<'_>, own_key: &str, canonical: &str, name: &str) -> AppInfo {
    let is_merged = canonical != own_key;
    let entry = if is_merged { catalogue.entry(canonical) } else { resolution.entry };
    // IT has said which app it is: it resembles nothing any more.
    let look_alike = resolution.look_alike.filter(|_| !is_merged);
    AppInfo {
        number: 0,
        own_key: own_key.to_owned(),
        app_key: canonical.to_owned(),
        name: entry.map_or(name, |entry| &entry.name).to_owned(),
        is_catalogued: entry.is_some() || resolution.is_first_party,
        category: entry.map(|entry| entry.category),
        publisher: entry.map_or(resolution.publisher, |entry| &entry.publisher).to_owned(),
        looks_like: look_alike.map(|like| like.entry.app_key.clone()).unwrap_or_default(),
        is_confusable: look_alike.is_some_and(|like| like.is_confusable),
        is_first_party: resolution.is_first_party,
        rogue_reason: resolution.rogue_reason.to_owned(),
    }
}

/// What a grant amounts to. Google does not log whether access lasts; a client on a server asks for it as a rule.
fn grant_risk(catalogue: &Catalogue, event: &Event<'_>) -> GrantRisk {
    if event.kind != Kind::OauthGrant {
        return GrantRisk::default();
    }
    let mut risk = catalogue.grant_risk(event.source, event.scopes, event.consent_type);
    risk.is_persistent |= event.source == Source::GoogleWorkspace && event.app_kind == AppKind::Web;
    risk
}
