//! The catalogue as a whole: read once, never changed, swapped whole.
//!
//! A company's own apps are laid over ours: they are read first, and who comes first keeps what he claims. Where both files have a line for
//! an app, the company's says what it is called, what it is for and who makes it; our domains, labels and client ids are added to its own,
//! as far as no other own app claims them, because an id that is forgotten would make a known app new. What a company's file says changes
//! nothing about who is first party, rogue or dangerous.

use std::collections::{HashMap, hash_map::Entry};

use event::{AppIdKind, AppRef, ConsentType, Source, Tokens};

use crate::{
    AppEntry, CatalogueError, Category, GrantRisk,
    first_party::{FirstParty, guid},
    name::domain,
    names::Names,
    scope_table::ScopeTable,
    tsv::{self, Line},
};

const APPS_FILE: &str = "apps.tsv";
const ROGUE_FILE: &str = "rogue_apps.tsv";
/// Hexadecimal digits of a catalogue's version: enough to tell versions apart, short enough for a row.
const VERSION_DIGITS: usize = 16;
/// Apps that a company's own file may have: ten times as many as a large company uses.
const OWN_APPS_MAX: usize = 20_000;

/// A company's own apps, laid over those that the binary carries.
#[derive(Clone, Copy, Debug)]
pub struct OwnApps<'a> {
    /// The file, as errors name it.
    pub file: &'a str,
    /// Its text; `data/apps.tsv` tells the columns.
    pub text: &'a str,
}

/// The texts that a catalogue is read from.
#[derive(Clone, Copy, Debug)]
pub struct CatalogueFiles<'a> {
    /// Apps: `data/apps.tsv` tells the columns.
    pub apps: &'a str,
    /// A company's own apps, which go before those.
    pub own_apps: Option<OwnApps<'a>>,
    /// Microsoft's own application ids, one GUID a line.
    pub microsoft_first_party: &'a str,
    /// Other providers' own apps.
    pub first_party: &'a str,
    /// Known rogue apps.
    pub rogue_apps: &'a str,
    /// Levels of scopes.
    pub scope_risk: &'a str,
}

impl CatalogueFiles<'static> {
    /// The files that the binary carries.
    pub const EMBEDDED: CatalogueFiles<'static> = CatalogueFiles {
        apps: include_str!("../data/apps.tsv"),
        own_apps: None,
        microsoft_first_party: include_str!("../data/microsoft_first_party.tsv"),
        first_party: include_str!("../data/first_party.tsv"),
        rogue_apps: include_str!("../data/rogue_apps.tsv"),
        scope_risk: include_str!("../data/scope_risk.tsv"),
    };
}

/// What is known about apps.
#[derive(Clone, Debug)]
pub struct Catalogue {
    version: String,
    entries: Vec<AppEntry>,
    /// How many of the entries, the first ones, are a company's own. While those are read: none.
    own_apps: usize,
    by_key: HashMap<String, usize>,
    by_client_id: HashMap<(Source, String), usize>,
    names: Names,
    first_party: FirstParty,
    rogue: HashMap<(Source, String), String>,
    scopes: ScopeTable,
}

impl Catalogue {
    /// The catalogue that the binary carries.
    ///
    /// # Errors
    /// The line that cannot be read; a test reads the embedded files, so a released binary has none.
    pub fn embedded() -> Result<Catalogue, CatalogueError> {
        Catalogue::parse(&CatalogueFiles::EMBEDDED)
    }

    /// The catalogue that the binary carries, with a company's own apps laid over it.
    ///
    /// # Errors
    /// The first line of the company's file that cannot be read, or that contradicts an earlier one.
    pub fn with_own_apps(own_apps: OwnApps<'_>) -> Result<Catalogue, CatalogueError> {
        Catalogue::parse(&CatalogueFiles { own_apps: Some(own_apps), ..CatalogueFiles::EMBEDDED })
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// The first line that cannot be read, or that contradicts an earlier one.
    pub fn parse(files: &CatalogueFiles<'_>) -> Result<Catalogue, CatalogueError> {
        let mut catalogue = Catalogue {
            version: version(files),
            entries: Vec::new(),
            own_apps: 0,
            by_key: HashMap::new(),
            by_client_id: HashMap::new(),
            names: Names::default(),
            first_party: FirstParty::parse(files.microsoft_first_party, files.first_party)?,
            rogue: HashMap::new(),
            scopes: ScopeTable::parse(files.scope_risk)?,
        };
        if let Some(own) = files.own_apps {
            catalogue.add_own_apps(own)?;
        }
        for line in tsv::lines(APPS_FILE, files.apps)? {
            catalogue.add_app(&line)?;
        }
        for line in tsv::lines(ROGUE_FILE, files.rogue_apps)? {
            let [source, id, _name, why] = line.columns()?;
            let source = Source::parse(source).ok_or_else(|| line.error(format!("unknown source `{source}`")))?;
            if id.is_empty() || why.is_empty() {
                return Err(line.error("id or reason is missing"));
            }
            catalogue.rogue.insert(client_id_key(source, id), why.to_owned());
        }
        Ok(catalogue)
    }

    /// A short hash of everything that the catalogue was read from, in hexadecimal.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many apps a company's own file has.
    #[must_use]
    pub const fn own_apps_len(&self) -> usize {
        self.own_apps
    }

    /// Every app: a company's own, then ours, each in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[AppEntry] {
        &self.entries
    }

    /// The app of a canonical key.
    #[must_use]
    pub fn entry(&self, app_key: &str) -> Option<&AppEntry> {
        self.entries.get(*self.by_key.get(app_key)?)
    }

    /// The app of that very name (decorations aside) or domain: for labels that an administrator set, and for what a person types.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&AppEntry> {
        self.entries.get(self.names.exact(name)?)
    }

    /// How many of Microsoft's own application ids are known.
    #[must_use]
    pub fn microsoft_first_party_len(&self) -> usize {
        self.first_party.microsoft_len()
    }

    /// What the scopes of one grant amount to (`data/scope_risk.tsv`).
    #[must_use]
    pub fn grant_risk(&self, source: Source, scopes: Tokens<'_>, consent_type: ConsentType) -> GrantRisk {
        self.scopes.grant_risk(source, scopes, consent_type)
    }

    pub(crate) fn first_party(&self) -> &FirstParty {
        &self.first_party
    }

    pub(crate) fn find_confusable(&self, name: &str) -> Option<&AppEntry> {
        self.entries.get(self.names.confusable(name)?)
    }

    pub(crate) fn entry_of_client_id(&self, app: &AppRef<'_>) -> Option<&AppEntry> {
        if app.id_kind != AppIdKind::ClientId {
            return None;
        }
        // A mapped source tells where somebody really was (docs/adr/0011-what-a-mapping-may-say-of-an-app.md): a domain is nobody's claim, and one above it vouches for it. Every other
        // id of such a source has its mapping's name and a slash before it, and is no domain.
        if app.source == Source::Mapped {
            return self.entries.get(self.names.domain(app.id)?);
        }
        let index = self.by_client_id.get(&client_id_key(app.source, app.id))?;
        self.entries.get(*index)
    }

    pub(crate) fn rogue_reason(&self, app: &AppRef<'_>) -> &str {
        let is_client_id = app.id_kind == AppIdKind::ClientId;
        let found = is_client_id.then(|| self.rogue.get(&client_id_key(app.source, app.id))).flatten();
        found.map_or("", String::as_str)
    }

    fn add_own_apps(&mut self, own: OwnApps<'_>) -> Result<(), CatalogueError> {
        // Some editors begin a file with a byte order mark.
        let text = own.text.strip_prefix('\u{feff}').unwrap_or(own.text);
        for line in tsv::lines(own.file, text)? {
            if self.entries.len() >= OWN_APPS_MAX {
                return Err(line.error(format!("more than {OWN_APPS_MAX} apps")));
            }
            self.add_app(&line)?;
        }
        self.own_apps = self.entries.len();
        Ok(())
    }

    fn add_app(&mut self, line: &Line<'_>) -> Result<(), CatalogueError> {
        let [app_key, name, category, publisher, domains, labels, client_ids] = line.columns()?;
        if app_key.is_empty() || name.is_empty() || publisher.is_empty() {
            return Err(line.error("app_key, name or publisher is missing"));
        }
        if line.value().chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(line.error("holds a control character"));
        }
        if let Some(text) = std::iter::once(app_key)
            .chain(domains.split_whitespace())
            .find(|text| domain(text).as_deref() != Some(text))
        {
            return Err(line.error(format!("`{text}` is no domain in lower case, without www")));
        }
        let Some(category) = Category::parse(category) else {
            return Err(line.error(format!("unknown category `{category}`")));
        };
        let index = match self.by_key.get(app_key) {
            None => self.add_entry(app_key, name, category, publisher),
            Some(own) if *own < self.own_apps => *own,
            Some(_) => return Err(line.error(format!("`{app_key}` stands here a second time"))),
        };
        for domain in std::iter::once(app_key).chain(domains.split_whitespace()) {
            let claimed = self.names.add_domain(domain, index);
            let is_ours = self.claimed(line, domain, claimed)?;
            if let Some(entry) = self.entries.get_mut(index).filter(|entry| is_ours && !has(&entry.domains, domain)) {
                entry.domains.push(domain.to_owned());
            }
        }
        let labels = labels.split(" ; ").map(str::trim).filter(|label| !label.is_empty());
        for label in std::iter::once(name).chain(labels) {
            let claimed = self.names.add_name(label, index);
            self.claimed(line, label, claimed)?;
        }
        for client_id in client_ids.split_whitespace() {
            let claimed = self.add_client_id(line, client_id, index)?;
            self.claimed(line, client_id, claimed)?;
        }
        Ok(())
    }

    fn add_entry(&mut self, app_key: &str, name: &str, category: Category, publisher: &str) -> usize {
        let index = self.entries.len();
        self.by_key.insert(app_key.to_owned(), index);
        let (app_key, name, publisher) = (app_key.to_owned(), name.to_owned(), publisher.to_owned());
        self.entries.push(AppEntry { app_key, name, category, publisher, domains: Vec::new() });
        index
    }

    /// Did the app of a line get what it claims? Ours does not where a company's own app has it.
    fn claimed(&self, line: &Line<'_>, what: &str, claimed: Result<(), usize>) -> Result<bool, CatalogueError> {
        match claimed {
            Ok(()) => Ok(true),
            Err(other) if other < self.own_apps => Ok(false),
            Err(other) => Err(self.taken(line, what, other)),
        }
    }

    /// Adds a client id; the inner error is the app that holds it already, and keeps it.
    fn add_client_id(
        &mut self,
        line: &Line<'_>,
        text: &str,
        index: usize,
    ) -> Result<Result<(), usize>, CatalogueError> {
        let mut parts = text.splitn(3, ':');
        let source = parts.next().and_then(Source::parse);
        let (Some(source), Some("client_id"), Some(id)) = (source, parts.next(), parts.next()) else {
            return Err(line.error(format!("`{text}` is not of the form source:client_id:id")));
        };
        match self.by_client_id.entry(client_id_key(source, id)) {
            // The company may repeat what we say of its app; a line may not repeat itself.
            Entry::Occupied(other) if *other.get() != index || index >= self.own_apps => Ok(Err(*other.get())),
            Entry::Occupied(_) => Ok(Ok(())),
            Entry::Vacant(free) => {
                free.insert(index);
                Ok(Ok(()))
            }
        }
    }

    fn taken(&self, line: &Line<'_>, what: &str, other: usize) -> CatalogueError {
        let other = self.entries.get(other).map_or("this app", |entry| entry.app_key.as_str());
        line.error(format!("`{what}` belongs to {other} already"))
    }
}

fn has(domains: &[String], domain: &str) -> bool {
    domains.iter().any(|known| known == domain)
}

/// One key for one client: two sources may tell of one issuer's, and GUIDs are written in either case.
fn client_id_key(source: Source, id: &str) -> (Source, String) {
    let source = source.issuer();
    let id = if guid(id).is_some() { id.to_ascii_lowercase() } else { id.to_owned() };
    (source, id)
}

/// BLAKE3 over the framed texts.
fn version(files: &CatalogueFiles<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    let ours = [files.apps, files.microsoft_first_party, files.first_party, files.rogue_apps, files.scope_risk];
    for text in ours.into_iter().chain(files.own_apps.map(|own| own.text)) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(VERSION_DIGITS).collect()
}
