//! The schemas as contracts: what a version stands for never changes, every version can read every other, the closed sets are the
//! domain's, and each field says what it is.

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use apache_avro::{
        Schema as AvroSchema,
        schema_compatibility::{Compatibility, SchemaCompatibility},
    };
    use codec::Schema;
    use event::{
        ActorType, AlertState, AliasAction, AppIdKind, AppKind, ConsentType, DeliveryState, GapReason, Kind, Outcome,
        ParseWarning, PollState, RejectReason, Severity, Source, Status, Stream, TableName,
    };

    fn parse(text: &str) -> AvroSchema {
        AvroSchema::parse_str(text).unwrap()
    }

    /// Every released schema: name, version, schema.
    fn released() -> Vec<(String, u32, AvroSchema)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/avro/released");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let schemas = files.map(|path| {
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let (name, version) = file.strip_suffix(".avsc").unwrap().rsplit_once(".v").unwrap();
            (name.to_owned(), version.parse().unwrap(), parse(&fs::read_to_string(&path).unwrap()))
        });
        schemas.collect()
    }

    /// Is it the newest version of its name? The domain's sets and types are those of the newest.
    fn is_newest(schema: Schema) -> bool {
        let parts = |schema: Schema| {
            let (name, version) = schema.name().rsplit_once(".v").unwrap();
            (name, version.parse::<u32>().unwrap())
        };
        let (name, version) = parts(schema);
        Schema::ALL.iter().all(|other| parts(*other).0 != name || parts(*other).1 <= version)
    }

    /// Can each read what the other wrote, always?
    fn is_compatible(one: &AvroSchema, other: &AvroSchema) -> bool {
        matches!(SchemaCompatibility::mutual_read(one, other), Ok(Compatibility::Full))
    }

    #[test]
    fn every_schema_reads_every_released_version_and_is_read_by_it() {
        let released = released();
        assert!(!released.is_empty());
        for schema in Schema::ALL {
            let (name, _) = schema.name().rsplit_once(".v").unwrap();
            let versions: Vec<_> = released.iter().filter(|(each, ..)| each == name).collect();
            assert!(!versions.is_empty(), "{name} is not released");
            for (_, version, old) in versions {
                assert!(is_compatible(&parse(schema.avsc()), old), "{name} and its version {version} are incompatible");
            }
        }
    }

    #[test]
    fn what_a_schema_id_stands_for_never_changes() {
        for (name, version, old) in released() {
            let known = Schema::ALL.iter().find(|schema| schema.name() == format!("{name}.v{version}"));
            let known = known.unwrap_or_else(|| panic!("{name}.v{version} was released and can no longer be read"));
            assert_eq!(
                parse(known.avsc()).canonical_form(),
                old.canonical_form(),
                "the layout of {known} changed: give it a new version and a new id"
            );
        }
    }

    #[test]
    fn the_readme_tells_the_id_of_every_schema() {
        let readme = include_str!("../../../schemas/avro/README.md");
        for schema in Schema::ALL {
            let (name, version) = schema.name().rsplit_once(".v").unwrap();
            let [a, b, c, d] = schema.id().to_be_bytes();
            let row =
                format!("| {} | `{a:02x} {b:02x} {c:02x} {d:02x}` | `{name}.avsc`, version {version} |", schema.id());
            assert!(readme.contains(&row), "{row}");
        }
    }

    #[test]
    fn an_incompatible_change_is_refused() {
        let events = Schema::EventsV1.avsc();
        let line = |field: &str| events.lines().find(|line| line.contains(&format!(r#""name": "{field}","#))).unwrap();
        let (is_proxy, occurred_at) = (line("is_proxy"), line("occurred_at"));
        let added = format!("{is_proxy}\n{}", r#"{"name": "new", "type": "string"},"#);
        for (change, from, to) in [
            (
                "a type changed",
                is_proxy,
                is_proxy.replace(r#""boolean", "default": false"#, r#""string", "default": """#),
            ),
            ("a mandatory field renamed", occurred_at, occurred_at.replace(r#""occurred_at""#, r#""happened_at""#)),
            ("a mandatory field removed", occurred_at, String::new()),
            ("a mandatory field added", is_proxy, added),
            ("an id of another size", r#""size": 8"#, r#""size": 16"#.to_owned()),
            ("an enum renamed", r#""name": "Outcome""#, r#""name": "Result""#.to_owned()),
        ] {
            let changed = events.replacen(from, &to, 1);
            assert_ne!(changed, events, "{change}");
            assert!(!is_compatible(&parse(&changed), &parse(events)), "{change}");
        }
    }

    #[test]
    fn a_new_symbol_and_a_new_optional_field_are_allowed() {
        let events = Schema::EventsV1.avsc();
        let optional = r#"{"name": "new", "doc": "New.", "type": "string", "default": ""},"#;
        let changed = events
            .replacen(r#""policy_change", "other""#, r#""policy_change", "other", "newer""#, 1)
            .replacen(r#"{"name": "is_proxy""#, &format!(r#"{optional}{{"name": "is_proxy""#), 1);
        assert_ne!(parse(&changed).canonical_form(), parse(events).canonical_form());
        assert!(is_compatible(&parse(&changed), &parse(events)));
    }

    #[test]
    fn the_symbols_of_every_enum_are_those_of_the_domain_in_their_order() {
        let sets: BTreeMap<&str, &[&str]> = BTreeMap::from([
            ("ActorType", ActorType::NAMES),
            ("AlertState", AlertState::NAMES),
            ("AliasAction", AliasAction::NAMES),
            ("AppIdKind", AppIdKind::NAMES),
            ("AppKind", AppKind::NAMES),
            ("ConsentType", ConsentType::NAMES),
            ("DeliveryState", DeliveryState::NAMES),
            ("Kind", Kind::NAMES),
            ("Outcome", Outcome::NAMES),
            ("PollState", PollState::NAMES),
            ("GapReason", GapReason::NAMES),
            ("RejectReason", RejectReason::NAMES),
            ("Severity", Severity::NAMES),
            ("Source", Source::NAMES),
            ("Status", Status::NAMES),
            ("Stream", Stream::NAMES),
            ("TableName", TableName::NAMES),
        ]);
        let mut seen = BTreeMap::new();
        for schema in Schema::ALL {
            walk(&parse(schema.avsc()), &mut |part| {
                if let AvroSchema::Enum(part) = part {
                    let name = part.name.name().to_owned();
                    let names = sets.get(name.as_str()).unwrap_or_else(|| panic!("{name} is no set of the domain"));
                    // An older version knows the first of them.
                    let known = if is_newest(*schema) { names.len() } else { part.symbols.len() };
                    assert_eq!(part.symbols, names[..known], "{name} in {schema}");
                    assert!(part.default.is_some(), "{name} in {schema} has no default for older readers");
                    seen.insert(name, ());
                }
            });
        }
        assert_eq!(seen.len(), sets.len(), "a set of the domain is in no schema");
    }

    #[test]
    fn the_bits_of_the_warnings_are_named_in_their_order() {
        assert!(Schema::EventsV1.avsc().contains(&format!("from bit 0: {}.", ParseWarning::NAMES.join(", "))));
    }

    #[test]
    fn every_field_and_every_named_type_says_what_it_is() {
        for schema in Schema::ALL {
            walk(&parse(schema.avsc()), &mut |part| {
                let doc = match part {
                    AvroSchema::Record(record) => {
                        for field in &record.fields {
                            let is_told =
                                field.doc.as_ref().is_some_and(|doc| doc.ends_with('.') || doc.ends_with('?'));
                            assert!(is_told, "{}.{} in {schema}", record.name, field.name);
                        }
                        &record.doc
                    }
                    AvroSchema::Enum(part) => &part.doc,
                    AvroSchema::Fixed(part) => &part.doc,
                    _ => return,
                };
                assert!(doc.is_some(), "{part:?} in {schema}");
            });
        }
    }

    #[test]
    fn a_type_of_one_name_is_the_same_in_every_schema() {
        let mut shapes = BTreeMap::new();
        for schema in Schema::ALL.iter().filter(|schema| is_newest(**schema)) {
            walk(&parse(schema.avsc()), &mut |part| {
                if let Some((name, shape)) = shape(part) {
                    let known = shapes.entry(name.clone()).or_insert_with(|| shape.clone());
                    assert_eq!(*known, shape, "{name} in {schema}");
                }
            });
        }
        assert!(shapes.contains_key("daylight.Decision"));
    }

    /// A named type and what it is made of, other named types by their names.
    fn shape(schema: &AvroSchema) -> Option<(String, Vec<String>)> {
        let name = schema.name()?.fullname(None);
        let parts = match schema {
            AvroSchema::Record(record) => {
                record.fields.iter().map(|field| format!("{}: {}", field.name, mention(&field.schema))).collect()
            }
            AvroSchema::Enum(part) => part.symbols.clone(),
            AvroSchema::Fixed(part) => vec![part.size.to_string()],
            _ => return None,
        };
        Some((name, parts))
    }

    fn mention(schema: &AvroSchema) -> String {
        match (schema.name(), schema) {
            (Some(name), _) => name.fullname(None),
            (None, AvroSchema::Array(array)) => format!("[{}]", mention(&array.items)),
            (None, AvroSchema::Union(union)) => union.variants().iter().map(mention).collect::<Vec<_>>().join("|"),
            (None, other) => format!("{other:?}"),
        }
    }

    /// Calls `visit` with a schema and every schema in it.
    fn walk(schema: &AvroSchema, visit: &mut dyn FnMut(&AvroSchema)) {
        visit(schema);
        match schema {
            AvroSchema::Record(record) => record.fields.iter().for_each(|field| walk(&field.schema, visit)),
            AvroSchema::Array(array) => walk(&array.items, visit),
            AvroSchema::Union(union) => union.variants().iter().for_each(|variant| walk(variant, visit)),
            _ => (),
        }
    }
}
