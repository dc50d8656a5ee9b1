//! What the parser tests share: fixtures, edits of them, and the outcomes as the JSON that `daylight parse` prints.

use event::{Source, TenantKey, Timestamp};
use ingest::parse::{Named, Outcome, ParseContext, parse_body, write_event};
use serde_json::Value;

/// The secret of every test's pseudonyms.
pub(crate) const KEY: TenantKey = TenantKey::new([7; 32]);

/// What became of one native event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    /// The event, with clear names, and how many identities came with it.
    Event(Box<Value>, usize),
    /// Ignored, with its native type.
    Ignored(String),
    /// Rejected, with reason and detail.
    Rejected(String, String),
}

impl Got {
    /// The event's field; panics when there is no event.
    pub(crate) fn field(&self, name: &str) -> &Value {
        let Got::Event(event, _) = self else { panic!("no event but {self:?}") };
        event.get(name).unwrap_or_else(|| panic!("no field {name}"))
    }

    /// The event's field as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.field(name).as_str().unwrap_or_default()
    }

    /// The event's list field.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.field(name).as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
    }

    /// Kind and outcome, or what became of it instead.
    pub(crate) fn meaning(&self) -> String {
        match self {
            Got::Event(..) => format!("{} {}", self.text("kind"), self.text("outcome")),
            Got::Ignored(_) => "ignored".to_owned(),
            Got::Rejected(reason, _) => format!("rejected {reason}"),
        }
    }
}

/// A fixture, parsed, to be edited.
pub(crate) fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

/// A fixture with some members replaced, by JSON pointer; members that are not there yet are added.
pub(crate) fn edited(name: &str, edits: &[(&str, Value)]) -> Value {
    let mut value = fixture(name);
    for (pointer, replacement) in edits {
        set(&mut value, pointer, replacement.clone());
    }
    value
}

/// Sets a member.
pub(crate) fn set(value: &mut Value, pointer: &str, replacement: Value) {
    if let Some(place) = value.pointer_mut(pointer) {
        *place = replacement;
        return;
    }
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), replacement);
}

/// Removes a member.
pub(crate) fn without(mut value: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    value
}

/// A context of a connection without a configured provider tenant.
pub(crate) fn context() -> ParseContext<'static> {
    let mut context = ParseContext::new("acme", "conn", &KEY);
    context.received_at = Some(Timestamp(1_800_000_000_000));
    context
}

/// Everything that becomes of a body.
pub(crate) fn parse_all(provider: Source, body: &[u8], context: &ParseContext<'_>) -> Vec<Got> {
    let mut got = Vec::new();
    parse_body(provider, body, context, 10_000, &mut |_, outcome| {
        got.push(match outcome {
            Outcome::Event(event, identities) => {
                let mut line = Vec::new();
                write_event(event, Named::Clear(identities), &mut line).unwrap();
                Got::Event(Box::new(serde_json::from_slice(&line).unwrap()), identities.len())
            }
            Outcome::Ignored { native_type } => Got::Ignored(native_type.to_owned()),
            Outcome::Rejected { reason, detail } => Got::Rejected(reason.to_string(), detail),
        });
    });
    got
}

/// What becomes of a body that holds one native event.
pub(crate) fn parse_one(provider: Source, value: &Value) -> Got {
    let mut got = parse_all(provider, value.to_string().as_bytes(), &context());
    assert_eq!(got.len(), 1, "{got:?}");
    got.remove(0)
}
