//! The cells that a batch fills: a day of an app in a department.
//!
//! An event finds its cell by the number that enrichment gave its app as delivered: one small look-up, and no text is hashed. Only the first
//! event of an app in a batch reads its names.

use event::{AppIdKind, AppRef, Source};
use hashbrown::{HashMap, HashSet};

use super::{Sight, texts::Texts};

/// A day of an app in a department, texts by number, and what was counted of it.
pub(super) struct Cell {
    app: u32,
    department: u32,
    day: u16,
    pub(super) rows: u64,
    pub(super) uses: u64,
    pub(super) grants: u64,
    pub(super) failures: u64,
    /// The first and the last event.
    pub(super) first: i64,
    pub(super) last: i64,
}

/// An app, texts by number.
pub(super) struct App {
    pub(super) tenant: u32,
    pub(super) key: u32,
    pub(super) name: String,
    pub(super) category: String,
    pub(super) is_first_party: bool,
    references: HashSet<(Source, AppIdKind, u32)>,
}

/// What a cell is called.
pub(super) struct Names<'a> {
    pub(super) tenant: &'a str,
    pub(super) app_key: &'a str,
    pub(super) department: &'a str,
    pub(super) day: u16,
}

/// All cells of a batch. Places count from 0 in each.
#[derive(Default)]
pub(super) struct Cells {
    texts: Texts,
    /// The tenant of the event before: most batches have one.
    tenant: u32,
    /// Apps as delivered: (tenant, `AppInfo::number`).
    met: HashMap<(u32, u64), Met>,
    apps: Vec<App>,
    /// (tenant, `app_key`) → place of the app. Who delivers an app under several names delivers one app.
    app_places: HashMap<(u32, u32), u32>,
    cells: Vec<Cell>,
    /// (place of the app, department, day) → place of the cell.
    cell_places: HashMap<(u32, u32, u16), u32>,
}

/// An app as delivered: its place, and the cell of its last event.
#[derive(Clone, Copy)]
struct Met {
    app: u32,
    cell: u32,
}

impl Cells {
    /// The place of the cell that an event of this day belongs to.
    pub(super) fn place_of(&mut self, sight: &Sight<'_>, day: u16) -> u32 {
        if !self.texts.is(self.tenant, sight.tenant) {
            self.tenant = self.texts.number(sight.tenant);
        }
        let numbered = (self.tenant, sight.app_number);
        let met = if sight.app_number == 0 { None } else { self.met.get(&numbered).copied() };
        let app = match met {
            Some(Met { app, cell }) => {
                let is_its = |known: &Cell| known.day == day && self.texts.is(known.department, sight.department);
                if self.cells.get(cell as usize).is_some_and(is_its) {
                    return cell;
                }
                app
            }
            None => self.app_of(sight),
        };
        let cell = self.cell_of(app, sight.department, day);
        if sight.app_number != 0 {
            self.met.insert(numbered, Met { app, cell });
        }
        cell
    }

    /// The place of the event's app, with its reference noted.
    fn app_of(&mut self, sight: &Sight<'_>) -> u32 {
        let (key, id) = (self.texts.number(sight.app_key), self.texts.number(sight.app.id));
        let next = place(self.apps.len());
        let app = *self.app_places.entry((self.tenant, key)).or_insert(next);
        if app == next {
            let (name, category) = (sight.name.to_owned(), sight.category.to_owned());
            let (tenant, is_first_party, references) = (self.tenant, sight.is_first_party, HashSet::new());
            self.apps.push(App { tenant, key, name, category, is_first_party, references });
        }
        if let Some(known) = self.apps.get_mut(app as usize) {
            known.references.insert((sight.app.source, sight.app.id_kind, id));
            // As the table merges batches: marked once is marked.
            known.is_first_party |= sight.is_first_party;
        }
        app
    }

    fn cell_of(&mut self, app: u32, department: &str, day: u16) -> u32 {
        let department = self.texts.number(department);
        let next = place(self.cells.len());
        let cell = *self.cell_places.entry((app, department, day)).or_insert(next);
        if cell == next {
            let (rows, uses, grants, failures) = (0, 0, 0, 0);
            let (first, last) = (i64::MAX, i64::MIN);
            self.cells.push(Cell { app, department, day, rows, uses, grants, failures, first, last });
        }
        cell
    }

    /// The cell at a place.
    pub(super) fn at(&self, place: u32) -> Option<&Cell> {
        self.cells.get(place as usize)
    }

    /// The cell at a place, to be counted into.
    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut Cell> {
        self.cells.get_mut(place as usize)
    }

    /// What the cell at a place is called.
    pub(super) fn names(&self, place: u32) -> Option<Names<'_>> {
        let cell = self.at(place)?;
        let app = self.apps.get(cell.app as usize)?;
        let (tenant, app_key) = (self.text(app.tenant), self.text(app.key));
        Some(Names { tenant, app_key, department: self.text(cell.department), day: cell.day })
    }

    /// The places of all cells in the order of the tables' keys: tenant, app, day, department.
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..place(self.cells.len())).collect();
        let key =
            |place: &u32| self.names(*place).map(|names| (names.tenant, names.app_key, names.day, names.department));
        order.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        order
    }

    /// All apps, each with its first and its last event.
    pub(super) fn apps(&self) -> impl Iterator<Item = (&App, (i64, i64))> {
        let mut spans = vec![(i64::MAX, i64::MIN); self.apps.len()];
        for cell in &self.cells {
            if let Some((first, last)) = spans.get_mut(cell.app as usize) {
                (*first, *last) = ((*first).min(cell.first), (*last).max(cell.last));
            }
        }
        self.apps.iter().zip(spans)
    }

    /// The references of an app, as `source:kind:id`.
    pub(super) fn references(&self, app: &App) -> Vec<String> {
        let written = |(source, id_kind, id): &(Source, AppIdKind, u32)| {
            AppRef { source: *source, id_kind: *id_kind, id: self.text(*id) }.to_string()
        };
        app.references.iter().map(written).collect()
    }

    /// A text by its number.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.text(number)
    }

    /// Forgets the batch, and the texts where there are too many.
    pub(super) fn clear(&mut self) {
        self.met.clear();
        self.apps.clear();
        self.app_places.clear();
        self.cells.clear();
        self.cell_places.clear();
        self.texts.forget_if_large();
        self.tenant = 0;
    }

    /// Texts that are known, the empty one included.
    #[cfg(test)]
    pub(super) fn texts(&mut self) -> &mut Texts {
        &mut self.texts
    }
}

/// A length as a place. Memory ends long before the number does.
fn place(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
