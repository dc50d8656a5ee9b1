//! Picks the declared pointers (RFC 6901) out of a JSON event, in one pass and borrowed: nothing else of the event is built.
//!
//! The pointers are a tree, walked along with the JSON. What no pointer leads to is skipped by the JSON reader itself. Where a key stands
//! twice, the last one counts, as everywhere (`fields.rs`).

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::parse::fields::{Key, LIST_LENGTH_MAX, Text, is_nothing};

/// Deepest pointer.
pub(super) const POINTER_DEPTH_MAX: usize = 16;

/// What stands where a pointer or a column leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    /// Nothing that is a text.
    #[default]
    Missing,
    /// One text.
    One(Cow<'a, str>),
    /// A list of texts.
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Slot<'a> {
    /// A text, if it is one.
    pub(super) fn text(text: Cow<'a, str>) -> Slot<'a> {
        if text.trim().is_empty() || is_nothing(text.trim()) { Slot::Missing } else { Slot::One(text) }
    }

    /// The text; of a list the first.
    pub(super) fn first(&self) -> &str {
        match self {
            Slot::Missing => "",
            Slot::One(text) => text,
            Slot::Many(texts) => texts.first().map_or("", |text| text),
        }
    }

    /// Every text.
    pub(super) fn all(&self) -> &[Cow<'a, str>] {
        match self {
            Slot::Missing => &[],
            Slot::One(text) => std::slice::from_ref(text),
            Slot::Many(texts) => texts,
        }
    }
}

/// The tokens of a pointer, unescaped; what is wrong with it where it is none.
pub(super) fn tokens(pointer: &str) -> Result<Vec<String>, &'static str> {
    let Some(path) = pointer.strip_prefix('/') else {
        return Err("is no JSON pointer: it begins with `/`, as `/user/email`");
    };
    let mut tokens = Vec::new();
    for raw in path.split('/') {
        let plain = raw.replace("~0", "").replace("~1", "");
        if plain.contains('~') {
            return Err("is no JSON pointer: `~` is written `~0`, and `/` inside a key `~1`");
        }
        tokens.push(raw.replace("~1", "/").replace("~0", "~"));
    }
    if tokens.len() > POINTER_DEPTH_MAX {
        return Err("is deeper than 16 levels");
    }
    Ok(tokens)
}

/// The pointers, as a tree. The first node is the event itself.
#[derive(Clone, Debug)]
pub(super) struct Tree(Vec<Node>);

#[derive(Clone, Debug, Default)]
struct Node {
    slot: Option<usize>,
    children: Vec<(Box<str>, usize)>,
}

impl Node {
    fn child(&self, key: &str) -> Option<usize> {
        self.children.iter().find(|(name, _)| **name == *key).map(|(_, node)| *node)
    }
}

impl Tree {
    /// Of pointers, each the slot of its place.
    pub(super) fn new<'p>(pointers: impl Iterator<Item = &'p [String]>) -> Tree {
        let mut nodes = vec![Node::default()];
        for (slot, pointer) in pointers.enumerate() {
            let mut at = 0;
            for token in pointer {
                let next = nodes.len();
                let Some(node) = nodes.get_mut(at) else { break };
                at = node.child(token).unwrap_or_else(|| {
                    node.children.push((token.as_str().into(), next));
                    next
                });
                if at == next {
                    nodes.push(Node::default());
                }
            }
            if let Some(node) = nodes.get_mut(at) {
                node.slot = Some(slot);
            }
        }
        Tree(nodes)
    }

    /// The first keys of the pointers: members of the event itself.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.first().into_iter().flat_map(|root| root.children.iter().map(|(key, _)| &**key))
    }

    /// Picks from an event.
    pub(super) fn pick<'de>(&self, event: &'de [u8], slots: &mut [Slot<'de>]) -> Result<(), serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(event);
        Pick { tree: self, node: 0, slots }.deserialize(&mut deserializer)?;
        deserializer.end()
    }
}

/// One place of the tree, over one value.
struct Pick<'t, 's, 'de> {
    tree: &'t Tree,
    node: usize,
    slots: &'s mut [Slot<'de>],
}

impl<'t, 'de> Pick<'t, '_, 'de> {
    fn node(&self) -> Option<&'t Node> {
        self.tree.0.get(self.node)
    }

    fn put(self, value: Slot<'de>) {
        let slot = self.node().and_then(|node| node.slot).and_then(|slot| self.slots.get_mut(slot));
        if let Some(slot) = slot {
            *slot = value;
        }
    }

    fn text<E>(self, text: Cow<'de, str>) -> Result<(), E> {
        self.put(Slot::text(text));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()))
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<(), E> {
        self.text(Cow::Borrowed(if is_true { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.text(Cow::Owned(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.text(Cow::Owned(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.text(Cow::Owned(number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Slot::Missing);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some(node) = self.node() else { return Ok(()) };
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match node.child(&key.0) {
                Some(child) => map.next_value_seed(Pick { tree: self.tree, node: child, slots: self.slots })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some(node) = self.node() else { return Ok(()) };
        let mut texts = Vec::new();
        for index in 0.. {
            let child = if node.children.is_empty() { None } else { node.child(&index.to_string()) };
            let is_read = match child {
                Some(child) => {
                    seq.next_element_seed(Pick { tree: self.tree, node: child, slots: self.slots })?.is_some()
                }
                None if node.slot.is_some() && index < LIST_LENGTH_MAX => {
                    let text = seq.next_element::<Text<'de>>()?;
                    let is_read = text.is_some();
                    texts.extend(text.map(|text| text.0).filter(|text| !text.is_empty()));
                    is_read
                }
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !is_read {
                break;
            }
        }
        self.put(if texts.is_empty() { Slot::Missing } else { Slot::Many(texts) });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick<'j>(pointers: &[&str], json: &'j str) -> Vec<Slot<'j>> {
        let pointers: Vec<Vec<String>> = pointers.iter().map(|pointer| tokens(pointer).unwrap()).collect();
        let mut slots = vec![Slot::default(); pointers.len()];
        let tree = Tree::new(pointers.iter().map(Vec::as_slice));
        tree.pick(json.as_bytes(), &mut slots).unwrap();
        slots
    }

    #[test]
    fn a_pointer_leads_through_objects_and_lists_and_over_escapes() {
        let json = r#"{"a":{"b/c":1.5,"~":true,"":"empty","list":[{"x":"no"},{"x":"yes\n"}]},"a":{"more":[1,"two",null,{}]},"n":null}"#;
        let slots = pick(&["/a/b~1c", "/a/~0", "/a/", "/a/list/1/x", "/a/more", "/n", "/a", "/none/0"], json);
        let firsts: Vec<&str> = slots.iter().map(Slot::first).collect();
        assert_eq!(firsts, ["1.5", "true", "empty", "yes\n", "1", "", "", ""]);
        assert_eq!(slots[4].all(), ["1", "two"]);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(&pick(&["/a"], r#"{"a":"plain"}"#)[0], Slot::One(Cow::Borrowed("plain"))));
    }

    #[test]
    fn the_last_of_two_keys_counts_and_a_list_is_bounded() {
        assert_eq!(pick(&["/a"], r#"{"a":"one","a":"two"}"#)[0].first(), "two");
        assert_eq!(pick(&["/a"], r#"{"a":"one","a":null}"#)[0].first(), "");
        let long = format!(r#"{{"a":[{}0]}}"#, "1,".repeat(LIST_LENGTH_MAX));
        assert_eq!(pick(&["/a"], &long)[0].all().len(), LIST_LENGTH_MAX);
    }

    #[test]
    fn what_is_no_pointer_is_told() {
        for pointer in ["", "a", "/a/~2", "/~", &"/a".repeat(17)] {
            assert!(tokens(pointer).is_err(), "{pointer}");
        }
    }
}
