//! A mapping file → the mapping, or the first thing that is wrong with it, with file, line and key.

use std::collections::HashMap;

use event::Kind;
use toml::de::DeTable;

use super::{
    MappingError,
    app::ID_KINDS,
    clock::{FORMATS, TimeFormat},
    field::{Content, FIELDS, Field, members, of_name},
    pick::{Tree, tokens},
    rules::{AppRule, FieldRule, Form, KindRule, Mapping, Meaning, Origin, TimeRule, Words},
    table::{Entry, File, Section},
};
use crate::parse::time::zone;

/// Largest mapping file.
pub const MAPPING_BYTES_MAX: usize = 256 * 1024;
/// Most pointers or columns of a mapping.
const SOURCES_MAX: usize = 200;
/// Most alternatives for one field, fields of one id, and fields that make a kind.
const ALTERNATIVES_MAX: usize = 8;
/// Most values of one table of values.
const VALUES_MAX: usize = 2_000;
/// Longest name of a mapping: it stands in every id.
const NAME_BYTES_MAX: usize = 32;
/// Longest pointer or column.
const SOURCE_BYTES_MAX: usize = 512;
/// Deepest array of a page: the splitter counts the brackets around it.
const PAGE_DEPTH_MAX: usize = 8;
/// Section and keys of the file itself.
const KEYS: &[&str] =
    &["name", "format", "events", "delimiter", "kind", "time", "id", "app", "fields", "constants", "values"];

impl Mapping {
    /// Reads a mapping. `file`: how errors name it; nothing is opened here.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and key.
    pub fn parse(file: &str, text: &str) -> Result<Mapping, MappingError> {
        let file = File { name: file, text };
        if text.len() > MAPPING_BYTES_MAX {
            return Err(file.error(0, "the file", format!("is larger than {MAPPING_BYTES_MAX} bytes")));
        }
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            file.error(at, "the file", format!("is no TOML: {}", error.message().replace('\n', " ")))
        })?;
        let root = Section::root(file, table.get_ref());
        root.only(KEYS)?;
        let name = name(&root)?;
        let mut reader = Reader::open(&root)?;
        let kind = reader.kind(&root)?;
        let time = reader.time(&root)?;
        let id = match root.get("id") {
            Some(entry) => reader.id(&entry)?,
            None => Box::default(),
        };
        let app = root.get("app").map(|entry| reader.app(&entry)).transpose()?;
        let fields = reader.fields(&root)?;
        let is_person = |rule: &FieldRule| matches!(rule.field, Field::UserEmail | Field::UserId);
        if app.is_none() && !fields.iter().any(is_person) {
            return Err(root.error("app", "is missing, and so is fields.user_email: say which app, or who"));
        }
        Ok(Mapping {
            file: file.name.into(),
            name: name.into(),
            slots: reader.sources.len(),
            form: reader.form(&root)?,
            kind,
            time,
            id,
            app,
            fields: fields.into_boxed_slice(),
        })
    }
}

fn name<'t>(root: &Section<'_, 't>) -> Result<&'t str, MappingError> {
    let entry = root.must("name", "a short word for what speaks here, such as `jumpcloud`")?;
    let name = entry.text()?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if is_plain && name.len() <= NAME_BYTES_MAX {
        return Ok(name);
    }
    Err(entry.error("must be 1 to 32 lower-case letters, digits, `-` or `_`: it is part of every id"))
}

/// Collects the pointers or columns while the sections are read.
struct Reader<'t> {
    is_csv: bool,
    sources: Vec<&'t str>,
    pointers: Vec<Vec<String>>,
}

impl<'t> Reader<'t> {
    fn open(root: &Section<'_, 't>) -> Result<Reader<'t>, MappingError> {
        let format = root.must("format", "`json` or `csv`")?;
        let is_csv = match format.text()? {
            "json" => false,
            "csv" => true,
            _ => return Err(format.error("is neither `json` nor `csv`")),
        };
        let other = if is_csv { ("events", "json") } else { ("delimiter", "csv") };
        match root.get(other.0) {
            Some(entry) => Err(entry.error(format!("is for format = \"{}\"", other.1))),
            None => Ok(Reader { is_csv, sources: Vec::new(), pointers: Vec::new() }),
        }
    }

    /// The slot of a pointer or column.
    fn slot(&mut self, entry: &Entry<'_, 't>, source: &'t str) -> Result<usize, MappingError> {
        if let Some(slot) = self.sources.iter().position(|known| *known == source) {
            return Ok(slot);
        }
        if source.len() > SOURCE_BYTES_MAX {
            return Err(entry.error(format!("is longer than {SOURCE_BYTES_MAX} bytes")));
        }
        if self.sources.len() == SOURCES_MAX {
            return Err(entry.error(format!("is one more than the {SOURCES_MAX} pointers or columns of a mapping")));
        }
        if self.is_csv {
            if source.starts_with('/') {
                return Err(entry.error(format!("`{source}` looks like a JSON pointer, and format is `csv`")));
            }
        } else {
            let tokens = tokens(source).map_err(|problem| entry.error(format!("`{source}` {problem}")))?;
            self.pointers.push(tokens);
        }
        self.sources.push(source);
        Ok(self.sources.len() - 1)
    }

    /// One place, or the first of several that holds something.
    fn origin(&mut self, entry: &Entry<'_, 't>) -> Result<Origin, MappingError> {
        let texts = few(entry)?;
        let slots: Result<Box<[usize]>, _> = texts.into_iter().map(|source| self.slot(entry, source)).collect();
        Ok(Origin::Slots(slots?))
    }

    /// Several places, each for itself.
    fn origins(&mut self, entry: &Entry<'_, 't>) -> Result<Box<[Origin]>, MappingError> {
        let texts = few(entry)?;
        texts.into_iter().map(|source| Ok(Origin::Slots(Box::new([self.slot(entry, source)?])))).collect()
    }

    fn form(&self, root: &Section<'_, 't>) -> Result<Form, MappingError> {
        if self.is_csv {
            let delimiter = match root.get("delimiter") {
                None => b',',
                Some(entry) => match entry.text()? {
                    "," => b',',
                    ";" => b';',
                    "|" => b'|',
                    "\t" => b'\t',
                    _ => return Err(entry.error("is none of `,` `;` `|` and a tabulator")),
                },
            };
            return Ok(Form::Csv {
                delimiter,
                columns: self.sources.iter().map(|&column| column.to_owned()).collect(),
            });
        }
        let page = match root.get("events") {
            None => Vec::new(),
            Some(entry) => {
                let page = tokens(entry.text()?).map_err(|problem| entry.error(problem))?;
                if page.len() > PAGE_DEPTH_MAX {
                    return Err(entry.error(format!("is deeper than {PAGE_DEPTH_MAX} levels")));
                }
                page
            }
        };
        Ok(Form::Json { tree: Tree::new(self.pointers.iter().map(Vec::as_slice)), page })
    }

    fn kind(&mut self, root: &Section<'_, 't>) -> Result<KindRule, MappingError> {
        let section = root.must("kind", "say what the events mean")?.section("kind.")?;
        if let Some(always) = section.get("always") {
            section.only(&["always"])?;
            let Meaning::Kind(kind) = meaning(&always, always.text()?)? else {
                return Err(always.error("is no kind"));
            };
            return Ok(KindRule::Always(kind));
        }
        section.only(&["from", "values", "otherwise"])?;
        let from =
            self.origins(&section.must("from", "which fields say what happened; or `always`, one kind for all")?)?;
        let values = section.must("values", "what each of their values means")?.section("kind.values.")?.entries();
        let Some(first) = values.first() else { return Err(section.error("values", "is empty")) };
        if values.len() > VALUES_MAX {
            return Err(first.error(format!("begins more than {VALUES_MAX} values")));
        }
        let values: Result<HashMap<Box<str>, Meaning>, _> =
            values.iter().map(|entry| Ok((entry.key.into(), meaning(entry, entry.text()?)?))).collect();
        let otherwise = match section.get("otherwise") {
            Some(entry) => meaning(&entry, entry.text()?)?,
            None => Meaning::Ignored,
        };
        Ok(KindRule::ByValue { from, values: values?, otherwise })
    }

    fn time(&mut self, root: &Section<'_, 't>) -> Result<TimeRule, MappingError> {
        let section = root.must("time", "say when the events happened")?.section("time.")?;
        section.only(&["from", "format", "zone"])?;
        let from = self.origin(&section.must("from", "the field that holds the time")?)?;
        let format = match section.get("format") {
            None => TimeFormat::Any,
            Some(entry) => TimeFormat::parse(entry.text()?)
                .ok_or_else(|| entry.error(format!("is no time format; one of {FORMATS}")))?,
        };
        let zone_minutes = match section.get("zone") {
            None => None,
            Some(entry) => match zone(entry.text()?.as_bytes()) {
                Some((minutes, false)) => Some(minutes),
                _ => return Err(entry.error("is no offset such as `+01:00` or `Z` (names of zones are not known)")),
            },
        };
        Ok(TimeRule { from, format, zone_minutes })
    }

    fn id(&mut self, entry: &Entry<'_, 't>) -> Result<Box<[Origin]>, MappingError> {
        let section = entry.section("id.")?;
        section.only(&["from"])?;
        self.origins(
            &section.must("from", "the fields that together are the event's id; without [id], it is its content")?,
        )
    }

    fn app(&mut self, entry: &Entry<'_, 't>) -> Result<AppRule, MappingError> {
        let section = entry.section("app.")?;
        section.only(&["id", "always", "id_kind", "name"])?;
        let id = match section.get("always") {
            Some(always) if section.get("id").is_some() => return Err(always.error("stands beside `id`; one of them")),
            Some(always) => Origin::Constant(always.text()?.into()),
            None => {
                self.origin(&section.must("id", "the field that identifies the app; or `always`, one app for all")?)?
            }
        };
        let kinds: Vec<&str> = ID_KINDS.iter().map(|(name, _)| *name).collect();
        let id_kind = section.must("id_kind", &format!("one of {}", kinds.join(", ")))?;
        let text = id_kind.text()?;
        let Some((_, id_kind)) = ID_KINDS.iter().find(|(name, _)| *name == text) else {
            return Err(id_kind.error(format!("`{text}` is no kind of id; one of {}", kinds.join(", "))));
        };
        let name = section.get("name").map(|entry| self.origin(&entry)).transpose()?;
        Ok(AppRule { id, id_kind: *id_kind, name })
    }

    fn fields(&mut self, root: &Section<'_, 't>) -> Result<Vec<FieldRule>, MappingError> {
        let mut rules: Vec<FieldRule> = Vec::new();
        let mut values = values(root)?;
        for entry in entries(root, "fields", "fields.")? {
            let (field, _) = known(&entry)?;
            let from = self.origin(&entry)?;
            rules.push(FieldRule { field, from, values: values.remove(entry.key) });
        }
        for entry in entries(root, "constants", "constants.")? {
            let (field, content) = known(&entry)?;
            if rules.iter().any(|rule| rule.field == field) {
                return Err(entry.error("stands in [fields] too"));
            }
            let text = entry.text()?;
            word(&entry, content, text)?;
            if content == Content::Time {
                return Err(entry.error("is a time, and no time is the same for every event"));
            }
            rules.push(FieldRule { field, from: Origin::Constant(text.into()), values: None });
        }
        match entries(root, "values", "values.")?.iter().find(|entry| values.contains_key(entry.key)) {
            Some(unused) => Err(unused.error("translates a field that is not in [fields]")),
            None => Ok(rules),
        }
    }
}

/// The entries of a section that may be missing.
fn entries<'f, 't>(
    root: &Section<'f, 't>,
    key: &str,
    prefix: &'static str,
) -> Result<Vec<Entry<'f, 't>>, MappingError> {
    root.get(key).map_or_else(|| Ok(Vec::new()), |entry| Ok(entry.section(prefix)?.entries()))
}

/// The tables of `[values]`: the source's words for a field, and ours.
fn values<'t>(root: &Section<'_, 't>) -> Result<HashMap<&'t str, Words>, MappingError> {
    let mut all = HashMap::new();
    for entry in entries(root, "values", "values.")? {
        let (_, content) = known(&entry)?;
        if !entry.is_section() {
            return Err(entry.error("is no table of the source's words and ours"));
        }
        let words = entry.section("values.*.")?.entries();
        if words.len() > VALUES_MAX {
            return Err(entry.error(format!("has more than {VALUES_MAX} values")));
        }
        let mut table = HashMap::new();
        for each in words {
            let text = each.text()?;
            word(&each, content, text)?;
            table.insert(each.key.into(), text.into());
        }
        all.insert(entry.key, table);
    }
    Ok(all)
}

/// May this word stand in such a field?
fn word(entry: &Entry<'_, '_>, content: Content, text: &str) -> Result<(), MappingError> {
    let members = members(content);
    if members.is_empty() || members.contains(&text) {
        return Ok(());
    }
    Err(entry.error(format!("`{text}` is none of {}", members.join(", "))))
}

/// The field of an entry.
fn known(entry: &Entry<'_, '_>) -> Result<(Field, Content), MappingError> {
    of_name(entry.key).ok_or_else(|| {
        let names: Vec<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
        entry.error(format!("is no canonical field; one of {}", names.join(", ")))
    })
}

fn meaning(entry: &Entry<'_, '_>, text: &str) -> Result<Meaning, MappingError> {
    match text {
        "ignored" => Ok(Meaning::Ignored),
        "rejected" => Ok(Meaning::Rejected),
        _ => Kind::parse(text).map(Meaning::Kind).ok_or_else(|| {
            entry.error(format!("`{text}` is no kind; one of {}, or ignored, rejected", Kind::NAMES.join(", ")))
        }),
    }
}

/// One to eight texts.
fn few<'t>(entry: &Entry<'_, 't>) -> Result<Vec<&'t str>, MappingError> {
    let texts = entry.texts()?;
    if texts.len() > ALTERNATIVES_MAX {
        return Err(entry.error(format!("names more than {ALTERNATIVES_MAX} places")));
    }
    Ok(texts)
}
