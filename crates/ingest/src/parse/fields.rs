//! Lenient fields: what providers write where their documentation promises something else.
//!
//! Numbers come as text and text as numbers, `null` stands for anything (also as the text "null"), objects turn into lists, and keys
//! occur twice. None of that may cost an event, as long as the few fields that make it one can be read. So the wire structs are not
//! derived: serde's derive rejects a key that occurs twice and any type that is not the declared one. Here the last of two keys wins,
//! and a value of a wrong type is a missing value. All text is borrowed from the delivery unless it holds escapes.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::quick;

/// Most elements of a list that are read; the rest is passed over.
pub(crate) const LIST_LENGTH_MAX: usize = 1_000;

/// A text; numbers and booleans as they are printed. Empty when missing, which "null" and "unknown" are too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// The text as a number.
    pub(crate) fn number<N: std::str::FromStr>(&self) -> Option<N> {
        self.0.trim().parse().ok()
    }

    /// Is it true, however that is written?
    pub(crate) fn is_true(&self) -> bool {
        self.0.eq_ignore_ascii_case("true") || self.0 == "1"
    }
}

/// A text that stands elsewhere already.
pub(crate) const fn borrowed(text: &str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Several texts: a list, or one text with the parts between its blanks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts<'a>(Vec<Text<'a>>);

impl Texts<'_> {
    /// The texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|text| text.split_whitespace())
    }
}

/// The first of these texts that is told; empty when none is.
pub(crate) fn first_told<'t, const N: usize>(texts: [&'t Text<'_>; N]) -> &'t str {
    texts.into_iter().find(|text| !text.is_empty()).map_or("", |text| text)
}

/// A text or a number, of which every digit is kept: a number of more than 64 bits is no other person's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exact<'a>(Text<'a>);

impl Deref for Exact<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A list: nothing for null, one element for a single object.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    /// The elements.
    pub(crate) items: Vec<T>,
    /// Were there more than `LIST_LENGTH_MAX`?
    pub(crate) is_cut: bool,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { items: Vec::new(), is_cut: false }
    }
}

impl<T> List<T> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.items.first()
    }
}

/// A key of an object, borrowed where it holds no escape.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

/// Is this text how a provider writes "nothing"?
pub(crate) fn is_nothing(text: &str) -> bool {
    matches!(text, "null" | "unknown")
}

/// Reads a wire struct from the bytes of an element. Text is looked at for bad UTF-8 once, as a whole, and not string by string; where there is
/// some, only the strings that are read need be good.
pub(crate) fn read<'a, T: Deserialize<'a>>(element: &'a [u8]) -> Result<T, serde_json::Error> {
    std::str::from_utf8(element).map_or_else(|_| serde_json::from_slice(element), read_text)
}

/// The same of a text. What `quick` is not sure of, serde_json decides.
pub(crate) fn read_text<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    quick::read(text).map_or_else(|| serde_json::from_str(text), Ok)
}

/// The members of a visitor that turn every scalar into the default value.
macro_rules! scalars_are_missing {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

/// Declares a wire struct: `field: Type = "key" | "other spelling"`. Every field is optional, unknown keys are passed over.
macro_rules! wire_struct {
    ($(#[$meta:meta])* $name:ident<$life:lifetime> { $($field:ident: $type:ty = $($key:literal)|+),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $name<$life> { $(pub(crate) $field: $type),+ }

        impl<$life> serde::de::Deserialize<$life> for $name<$life> {
            fn deserialize<D: serde::de::Deserializer<$life>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;
                impl<$life> serde::de::Visitor<$life> for Members {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<$life>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut read = $name::default();
                        while let Some(key) = map.next_key::<$crate::parse::fields::Key<$life>>()? {
                            match key.0.as_ref() {
                                $($($key)|+ => read.$field = map.next_value()?,)+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(read)
                    }

                    fn visit_seq<A: serde::de::SeqAccess<$life>>(self, seq: A) -> Result<Self::Value, A::Error> {
                        $crate::parse::fields::pass_over(seq)
                    }

                    $crate::parse::fields::scalars_are_missing!();
                }
                deserializer.deserialize_any(Members)
            }
        }
    };
}

pub(crate) use {scalars_are_missing, wire_struct};

/// Reads a list to its end and keeps nothing.
pub(crate) fn pass_over<'de, A: SeqAccess<'de>, T: Default>(mut seq: A) -> Result<T, A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(T::default())
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(if is_nothing(text) { Text::default() } else { Text(Cow::Borrowed(text)) })
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(if is_nothing(text) { Text::default() } else { Text(Cow::Owned(text.to_owned())) })
            }

            fn visit_bool<E>(self, is_true: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if is_true { "true" } else { "false" })))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            /// By whoever does not know the name.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text<'de>, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text<'de>, A::Error> {
                pass_over(seq)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
        }
        deserializer.deserialize_newtype_struct(quick::AS_PRINTED, TextVisitor)
    }
}

impl<'a> Exact<'a> {
    /// From a value as it is written.
    fn written(raw: &'a str) -> Exact<'a> {
        let is_number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        Exact(if is_number { borrowed(raw) } else { read_text(raw).unwrap_or_default() })
    }
}

impl<'de> Deserialize<'de> for Exact<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExactVisitor;
        impl<'de> Visitor<'de> for ExactVisitor {
            type Value = Exact<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            /// By `quick`, which knows the name.
            fn visit_borrowed_str<E>(self, raw: &'de str) -> Result<Exact<'de>, E> {
                Ok(Exact::written(raw))
            }

            /// By everybody else.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Exact<'de>, D::Error> {
                <&'de RawValue>::deserialize(deserializer).map(|raw| Exact::written(raw.get()))
            }
        }
        deserializer.deserialize_newtype_struct(quick::AS_WRITTEN, ExactVisitor)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = List::default();
                while list.items.len() < LIST_LENGTH_MAX {
                    let Some(item) = seq.next_element()? else { return Ok(list) };
                    list.items.push(item);
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    list.is_cut = true;
                }
                Ok(list)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
                let item = T::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(List { items: vec![item], is_cut: false })
            }

            scalars_are_missing!();
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Texts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Texts<'de>, E> {
                Ok(Texts(vec![Text(Cow::Borrowed(text))]))
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts<'de>, E> {
                Ok(Texts(vec![Text(Cow::Owned(text.to_owned()))]))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Texts<'de>, E> {
                Ok(Texts::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Texts<'de>, E> {
                Ok(Texts::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Texts<'de>, E> {
                Ok(Texts::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Texts<'de>, E> {
                Ok(Texts::default())
            }

            fn visit_unit<E>(self) -> Result<Texts<'de>, E> {
                Ok(Texts::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Texts<'de>, A::Error> {
                let list = List::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))?;
                Ok(Texts(list.items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Texts::default())
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    wire_struct! {
        Sample<'a> { name: Text<'a> = "name" | "Name", count: Text<'a> = "count", list: List<Inner<'a>> = "list", inner: Inner<'a> = "inner" }
    }
    wire_struct! {
        Inner<'a> { id: Text<'a> = "id" }
    }

    fn read(text: &str) -> Sample<'_> {
        super::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_text_may_be_a_number_a_boolean_or_nothing() {
        for (text, expected) in [
            (r#"{"name":"a"}"#, "a"),
            (r#"{"Name":"a\n"}"#, "a\n"),
            (r#"{"name":9007199254740993}"#, "9007199254740993"),
            (r#"{"name":-5}"#, "-5"),
            (r#"{"name":true}"#, "true"),
            (r#"{"name":null}"#, ""),
            (r#"{"name":"null"}"#, ""),
            (r#"{"name":"unknown"}"#, ""),
            (r#"{"name":{"x":[1]}}"#, ""),
            (r#"{"name":[{"x":1}]}"#, ""),
        ] {
            assert_eq!(&*read(text).name, expected, "{text}");
        }
    }

    #[test]
    fn section_5_4_every_digit_of_a_long_number_is_kept() {
        wire_struct! { Long<'a> { id: Exact<'a> = "id" } }
        for (text, expected) in [
            (r#"{"id":111440584475724055600}"#, "111440584475724055600"),
            (r#"{"id":"111440584475724055600"}"#, "111440584475724055600"),
            (r#"{"id":-9007199254740993}"#, "-9007199254740993"),
            (r#"{"id":null}"#, ""),
            (r#"{"id":{"x":[1]}}"#, ""),
        ] {
            assert_eq!(&*serde_json::from_str::<Long<'_>>(text).unwrap().id, expected, "{text}");
            assert_eq!(&*quick::read::<Long<'_>>(text).unwrap().id, expected, "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_cost_an_event_only_where_they_are_read() {
        let element = b"{\"passed over\":\"\xff\",\"name\":\"a\"}";
        assert_eq!(&*super::read::<Sample<'_>>(element).unwrap().name, "a");
        assert!(super::read::<Sample<'_>>(b"{\"name\":\"\xff\"}").is_err());
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(read(r#"{"name":"plain"}"#).name.0, Cow::Borrowed(_)));
    }

    #[test]
    fn a_list_may_be_null_an_object_or_of_a_wrong_type() {
        for (text, length) in [
            (r#"{"list":[{"id":1},{"id":2}]}"#, 2),
            (r#"{"list":{"id":"one"}}"#, 1),
            (r#"{"list":null}"#, 0),
            (r#"{"list":"text"}"#, 0),
            (r#"{"list":[null,5]}"#, 2),
        ] {
            assert_eq!(read(text).list.items.len(), length, "{text}");
        }
    }

    #[test]
    fn several_texts_may_be_one_with_blanks() {
        for (text, expected) in [
            (r#"["a","b"]"#, vec!["a", "b"]),
            (r#""a  b""#, vec!["a", "b"]),
            (r#""a\tb""#, vec!["a", "b"]),
            (r#"["a",5,{"x":1},null]"#, vec!["a", "5"]),
            ("7", vec![]),
            ("null", vec![]),
            (r#"{"x":[1]}"#, vec![]),
        ] {
            assert_eq!(serde_json::from_str::<Texts<'_>>(text).unwrap().iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn section_5_4_keys_that_occur_twice_and_wrong_types_cost_nothing() {
        let sample =
            read(r#"{"inner":5,"name":"first","name":"second","inner":{"id":"x"},"more":{"id":[]},"count":"7"}"#);
        assert_eq!((&*sample.name, &*sample.inner.id), ("second", "x"));
        assert_eq!(sample.count.number::<u32>(), Some(7));
    }

    #[test]
    fn a_list_longer_than_its_limit_is_cut_and_says_so() {
        let text = format!(r#"{{"list":[{}{{}}]}}"#, "{},".repeat(LIST_LENGTH_MAX));
        let list = read(&text).list;
        assert_eq!((list.items.len(), list.is_cut), (LIST_LENGTH_MAX, true));
    }
}
