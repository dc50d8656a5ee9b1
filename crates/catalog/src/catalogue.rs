//! The catalogue as a whole: read once, never changed, swapped whole.

use std::collections::HashMap;

use event::{AppIdKind, AppRef, ConsentType, Source, Tokens};

use crate::{
    AppEntry, CatalogueError, Category, GrantRisk,
    first_party::{FirstParty, guid},
    names::Names,
    scope_table::ScopeTable,
    tsv::{self, Line},
};

const APPS_FILE: &str = "apps.tsv";
const ROGUE_FILE: &str = "rogue_apps.tsv";
/// Hexadecimal digits of a catalogue's version: enough to tell versions apart, short enough for a row.
const VERSION_DIGITS: usize = 16;

/// The texts that a catalogue is read from.
#[derive(Clone, Copy, Debug)]
pub struct CatalogueFiles<'a> {
    /// Apps: `data/apps.tsv` tells the columns.
    pub apps: &'a str,
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

    /// Reads a catalogue.
    ///
    /// # Errors
    /// The first line that cannot be read, or that contradicts an earlier one.
    pub fn parse(files: &CatalogueFiles<'_>) -> Result<Catalogue, CatalogueError> {
        let mut catalogue = Catalogue {
            version: version(files),
            entries: Vec::new(),
            by_key: HashMap::new(),
            by_client_id: HashMap::new(),
            names: Names::default(),
            first_party: FirstParty::parse(files.microsoft_first_party, files.first_party)?,
            rogue: HashMap::new(),
            scopes: ScopeTable::parse(files.scope_risk)?,
        };
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

    /// Every app, in the order of the file.
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
        let is_client_id = app.id_kind == AppIdKind::ClientId;
        let index = is_client_id.then(|| self.by_client_id.get(&client_id_key(app.source, app.id)))??;
        self.entries.get(*index)
    }

    pub(crate) fn rogue_reason(&self, app: &AppRef<'_>) -> &str {
        let is_client_id = app.id_kind == AppIdKind::ClientId;
        let found = is_client_id.then(|| self.rogue.get(&client_id_key(app.source, app.id))).flatten();
        found.map_or("", String::as_str)
    }

    fn add_app(&mut self, line: &Line<'_>) -> Result<(), CatalogueError> {
        let [app_key, name, category, publisher, domains, labels, client_ids] = line.columns()?;
        if app_key.is_empty() || name.is_empty() || publisher.is_empty() {
            return Err(line.error("app_key, name or publisher is missing"));
        }
        if app_key.contains(':') || !app_key.contains('.') {
            return Err(line.error(format!("`{app_key}` is no domain")));
        }
        let Some(category) = Category::parse(category) else {
            return Err(line.error(format!("unknown category `{category}`")));
        };
        let index = self.entries.len();
        if self.by_key.insert(app_key.to_owned(), index).is_some() {
            return Err(line.error(format!("`{app_key}` stands here a second time")));
        }
        let domains: Vec<String> =
            std::iter::once(app_key).chain(domains.split_whitespace()).map(str::to_owned).collect();
        for domain in &domains {
            self.names.add_domain(domain, index).map_err(|other| self.taken(line, domain, other))?;
        }
        let labels = labels.split(" ; ").map(str::trim).filter(|label| !label.is_empty());
        for label in std::iter::once(name).chain(labels) {
            self.names.add_name(label, index).map_err(|other| self.taken(line, label, other))?;
        }
        for client_id in client_ids.split_whitespace() {
            self.add_client_id(line, client_id, index)?;
        }
        let (app_key, name, publisher) = (app_key.to_owned(), name.to_owned(), publisher.to_owned());
        self.entries.push(AppEntry { app_key, name, category, publisher, domains });
        Ok(())
    }

    fn add_client_id(&mut self, line: &Line<'_>, text: &str, index: usize) -> Result<(), CatalogueError> {
        let mut parts = text.splitn(3, ':');
        let source = parts.next().and_then(Source::parse);
        let (Some(source), Some("client_id"), Some(id)) = (source, parts.next(), parts.next()) else {
            return Err(line.error(format!("`{text}` is not of the form source:client_id:id")));
        };
        match self.by_client_id.insert(client_id_key(source, id), index) {
            Some(other) => Err(self.taken(line, text, other)),
            None => Ok(()),
        }
    }

    fn taken(&self, line: &Line<'_>, what: &str, other: usize) -> CatalogueError {
        let other = self.entries.get(other).map_or("this app", |entry| entry.app_key.as_str());
        line.error(format!("`{what}` belongs to {other} already"))
    }
}

/// One key for one client: Entra and the unified audit log tell of the same applications, and write GUIDs in either case.
fn client_id_key(source: Source, id: &str) -> (Source, String) {
    let source = if source == Source::M365Ual { Source::Entra } else { source };
    let id = if guid(id).is_some() { id.to_ascii_lowercase() } else { id.to_owned() };
    (source, id)
}

/// BLAKE3 over the framed texts.
fn version(files: &CatalogueFiles<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in [files.apps, files.microsoft_first_party, files.first_party, files.rogue_apps, files.scope_risk] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(VERSION_DIGITS).collect()
}
