//! A mapping as it is used: texts resolved to members, pointers and columns to slots, so that an event costs look-ups by number.

use std::{borrow::Cow, collections::HashMap};

use event::{Fact, Kind};

use super::{
    app::IdKind,
    clock::TimeFormat,
    field::Field,
    pick::{Slot, Tree},
};

/// A declared mapping: how the events of one source become canonical ones. Made by `Mapping::parse`, and never changed.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) file: Box<str>,
    pub(super) name: Box<str>,
    pub(super) form: Form,
    pub(super) slots: usize,
    pub(super) kind: KindRule,
    pub(super) time: TimeRule,
    pub(super) id: Box<[Origin]>,
    pub(super) app: Option<AppRule>,
    pub(super) fields: Box<[FieldRule]>,
}

/// What the bodies are.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// JSON: what is picked, and the member path of the array that a page holds its events in.
    Json { tree: Tree, page: Vec<String> },
    /// CSV: what its columns are parted by, and the name of the column of each slot.
    Csv { delimiter: u8, columns: Vec<String> },
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The first of these slots that holds something.
    Slots(Box<[usize]>),
    /// The mapping itself.
    Constant(Box<str>),
}

impl Origin {
    /// The text; empty where there is none.
    pub(super) fn text<'v>(&'v self, slots: &'v [Slot<'_>]) -> &'v str {
        match self {
            Origin::Constant(text) => text,
            Origin::Slots(alternatives) => {
                let texts = alternatives.iter().filter_map(|slot| slots.get(*slot)).map(Slot::first);
                texts.map(str::trim).find(|text| !text.is_empty()).unwrap_or_default()
            }
        }
    }

    /// Every text of the first slot that holds something.
    pub(super) fn texts<'v>(&'v self, slots: &'v [Slot<'_>]) -> Vec<&'v str> {
        match self {
            Origin::Constant(text) => vec![text],
            Origin::Slots(alternatives) => {
                let mut lists = alternatives.iter().filter_map(|slot| slots.get(*slot)).map(Slot::all);
                let found = lists.find(|texts| !texts.is_empty()).unwrap_or_default();
                found.iter().map(|text| &**text).collect()
            }
        }
    }
}

/// What a native type means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An event of this kind.
    Kind(Kind),
    /// Nothing about apps.
    Ignored,
    /// A type that the mapping says must not come.
    Rejected,
}

/// How the kind is found.
#[derive(Clone, Debug)]
pub(super) enum KindRule {
    /// All are of one kind.
    Always(Kind),
    /// By the values of some fields, joined by dots.
    ByValue { from: Box<[Origin]>, values: HashMap<Box<str>, Meaning>, otherwise: Meaning },
}

impl KindRule {
    /// The native type, and what it means.
    pub(super) fn of<'v>(&'v self, slots: &'v [Slot<'_>]) -> (Cow<'v, str>, Meaning) {
        match self {
            KindRule::Always(kind) => (Cow::Borrowed(""), Meaning::Kind(*kind)),
            KindRule::ByValue { from, values, otherwise } => {
                let mut texts = from.iter().map(|origin| origin.text(slots)).filter(|text| !text.is_empty());
                let first = texts.next().unwrap_or_default();
                let joined = texts.fold(Cow::Borrowed(first), |joined, text| Cow::Owned(format!("{joined}.{text}")));
                let meaning = values.get(&*joined).copied().unwrap_or(*otherwise);
                (joined, meaning)
            }
        }
    }
}

/// How the time is found.
#[derive(Clone, Debug)]
pub(super) struct TimeRule {
    pub(super) from: Origin,
    pub(super) format: TimeFormat,
    /// Minutes east of UTC, for times that do not say; `None` for UTC with a warning.
    pub(super) zone_minutes: Option<i64>,
}

/// How the app is found.
#[derive(Clone, Debug)]
pub(super) struct AppRule {
    pub(super) id: Origin,
    pub(super) id_kind: IdKind,
    pub(super) name: Option<Origin>,
}

/// The source's words for a field, and ours.
pub(super) type Words = HashMap<Box<str>, Box<str>>;

/// How one field is filled.
#[derive(Clone, Debug)]
pub(super) struct FieldRule {
    pub(super) field: Field,
    pub(super) from: Origin,
    /// What the source's words are in ours; `None` where they are the same.
    pub(super) values: Option<Words>,
}

impl FieldRule {
    /// The text in our words; empty where there is none, or a word that nobody declared.
    pub(super) fn text<'v>(&'v self, slots: &'v [Slot<'_>]) -> &'v str {
        let text = self.from.text(slots);
        match &self.values {
            Some(values) => values.get(text).map_or("", |word| word),
            None => text,
        }
    }
}

impl Mapping {
    /// Its name: part of every id that it gives.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it can tell, by the kinds that it gives and the fields that it fills.
    #[must_use]
    pub fn tells(&self) -> Vec<Fact> {
        let kinds: Vec<Kind> = match &self.kind {
            KindRule::Always(kind) => vec![*kind],
            KindRule::ByValue { values, otherwise, .. } => {
                let named = values.values().chain([otherwise]);
                named.filter_map(|meaning| if let Meaning::Kind(kind) = meaning { Some(*kind) } else { None }).collect()
            }
        };
        let has = |wanted: &[Kind]| kinds.iter().any(|kind| wanted.contains(kind));
        let told = [
            (Fact::SignIn, has(&[Kind::LoginSuccess])),
            (Fact::SignOn, has(&[Kind::Sso])),
            (Fact::TokenUse, has(&[Kind::TokenIssued, Kind::TokenUse])),
            (Fact::Grant, has(&[Kind::OauthGrant])),
            (Fact::Scopes, has(&[Kind::OauthGrant]) && self.rule(Field::Scopes).is_some()),
        ];
        told.into_iter().filter_map(|(fact, is_told)| is_told.then_some(fact)).collect()
    }

    /// Is it over CSV?
    #[must_use]
    pub const fn is_csv(&self) -> bool {
        matches!(self.form, Form::Csv { .. })
    }

    /// Keys of which an event has one: for the splitter, after damage.
    #[must_use]
    pub fn markers(&self) -> Vec<&[u8]> {
        match &self.form {
            Form::Json { tree, .. } => tree.keys().map(str::as_bytes).collect(),
            Form::Csv { .. } => Vec::new(),
        }
    }

    /// The members that lead to the array of a page's events; empty where the events stand by themselves.
    pub(crate) fn page(&self) -> &[String] {
        match &self.form {
            Form::Json { page, .. } => page,
            Form::Csv { .. } => &[],
        }
    }

    /// The rule of a field.
    pub(super) fn rule(&self, field: Field) -> Option<&FieldRule> {
        self.fields.iter().find(|rule| rule.field == field)
    }

    /// The text of a field; empty where no rule fills it.
    pub(super) fn field<'v>(&'v self, field: Field, slots: &'v [Slot<'_>]) -> &'v str {
        self.rule(field).map_or("", |rule| rule.text(slots))
    }
}
