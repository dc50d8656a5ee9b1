//! Reads JSON that is in order, looking at each byte once, and leaves everything else to serde_json.
//!
//! A provider's event is JSON to the letter nearly always, and of its hundred members we read thirty. So this reader knows texts, whole numbers
//! and what may be passed over, finds the ends of texts eight bytes at a time, and makes no errors: where it is not *sure* that serde_json would read
//! the same (a number with a fraction, half a pair of surrogates, anything broken), it gives up, and the element is read again by serde_json,
//! which decides and says where it stopped. It may never read what serde_json refuses, nor read it otherwise: the test below compares the two.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer,
};

use crate::delivery::{
    JSON_DEPTH_MAX,
    scan::{exact_value, number_bytes, plain, skip_space},
};

/// The name of a newtype that wants its value as it is written, every digit of it.
pub(crate) const AS_WRITTEN: &str = "daylight as written";
/// The name of a newtype that wants numbers as they are printed, and everything else as it is.
pub(crate) const AS_PRINTED: &str = "daylight as printed";

/// Digits of a number that surely fits into 64 bits.
const DIGITS_MAX: usize = 18;

/// Reads the one value of a text; `None` where serde_json is to be asked.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let mut reader = Reader { text, at: 0, depth: 0, unescaped: String::new() };
    let read = T::deserialize(&mut reader).ok()?;
    (skip_space(text.as_bytes(), reader.at) == text.len()).then_some(read)
}

/// Serde_json is to be asked.
#[derive(Debug)]
struct Unsure;

impl fmt::Display for Unsure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sure")
    }
}

impl std::error::Error for Unsure {}

impl serde::de::Error for Unsure {
    fn custom<T: fmt::Display>(_: T) -> Unsure {
        Unsure
    }
}

/// A text, and how far it was read.
struct Reader<'de> {
    text: &'de str,
    at: usize,
    /// Objects and lists that are open here.
    depth: usize,
    /// The last text that held an escape, without them.
    unescaped: String,
}

impl<'de> Reader<'de> {
    /// The next byte behind white space, which stays the next one.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        self.at = skip_space(bytes, self.at);
        bytes.get(self.at).copied()
    }

    /// Takes this byte, behind white space.
    #[inline]
    fn take(&mut self, byte: u8) -> Result<(), Unsure> {
        if self.next() != Some(byte) {
            return Err(Unsure);
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, literal: &str) -> Result<(), Unsure> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal.as_bytes()) {
            return Err(Unsure);
        }
        self.at += literal.len();
        Ok(())
    }

    /// A text without escapes, whose quote is the next byte.
    #[inline]
    fn plain_text(&mut self) -> Result<&'de str, Unsure> {
        let start = self.at + 1;
        let end = plain(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return Err(Unsure);
        }
        self.at = end + 1;
        self.text.get(start..end).ok_or(Unsure)
    }

    /// A text, whose quote is the next byte.
    #[inline]
    fn any_text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Unsure> {
        if let Ok(text) = self.plain_text() {
            return visitor.visit_borrowed_str(text);
        }
        self.unescape()?;
        visitor.visit_str(&self.unescaped)
    }

    /// Reads a text with escapes into `unescaped`.
    #[cold]
    fn unescape(&mut self) -> Result<(), Unsure> {
        let bytes = self.text.as_bytes();
        self.unescaped.clear();
        let mut from = self.at + 1;
        loop {
            let stop = plain(bytes, from);
            self.unescaped.push_str(self.text.get(from..stop).ok_or(Unsure)?);
            match bytes.get(stop) {
                Some(b'"') => {
                    self.at = stop + 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let (character, length) = escape(bytes.get(stop..).unwrap_or_default()).ok_or(Unsure)?;
                    self.unescaped.push(character);
                    from = stop + length;
                }
                _ => return Err(Unsure),
            }
        }
    }

    /// A whole number that fits into 64 bits, as it is written: printed, it is the same. The next byte begins it.
    fn whole_number(&mut self) -> Result<&'de str, Unsure> {
        let rest = self.text.get(self.at..).ok_or(Unsure)?;
        let number = number_bytes(rest.as_bytes()).and_then(|length| rest.get(..length)).ok_or(Unsure)?;
        let digits = number.strip_prefix('-').unwrap_or(number);
        let is_whole = digits.len() <= DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
        // Minus nothing is a fraction to serde_json.
        if !is_whole || number == "-0" {
            return Err(Unsure);
        }
        self.at += number.len();
        Ok(number)
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Unsure> {
        let number = self.whole_number()?;
        if number.starts_with('-') {
            return visitor.visit_i64(number.parse().map_err(|_| Unsure)?);
        }
        visitor.visit_u64(number.parse().map_err(|_| Unsure)?)
    }

    /// Goes into an object or a list, whose bracket is the next byte; out of it by `leave`.
    fn enter(&mut self) -> Result<(), Unsure> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(Unsure);
        }
        (self.at, self.depth) = (self.at + 1, self.depth + 1);
        Ok(())
    }

    fn leave(&mut self, bracket: u8) -> Result<(), Unsure> {
        self.depth -= 1;
        self.take(bracket)
    }

    /// Is there another member or item? Takes the comma before it.
    #[inline]
    fn has_more(&mut self, is_first: &mut bool, bracket: u8) -> Result<bool, Unsure> {
        match self.next() {
            Some(byte) if byte == bracket => return Ok(false),
            Some(b',') if !*is_first => self.at += 1,
            Some(_) if *is_first => *is_first = false,
            _ => return Err(Unsure),
        }
        Ok(true)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unsure;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        match self.next() {
            Some(b'"') => self.any_text(visitor),
            Some(b'{') => {
                self.enter()?;
                let read = visitor.visit_map(Inside { reader: self, is_first: true })?;
                self.leave(b'}').map(|()| read)
            }
            Some(b'[') => {
                self.enter()?;
                let read = visitor.visit_seq(Inside { reader: self, is_first: true })?;
                self.leave(b']').map(|()| read)
            }
            Some(b'n') => self.literal("null").and_then(|()| visitor.visit_unit()),
            Some(b't') => self.literal("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.literal("false").and_then(|()| visitor.visit_bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number(visitor),
            _ => Err(Unsure),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        let bytes = self.text.as_bytes();
        self.at = exact_value(bytes, skip_space(bytes, self.at), self.depth).ok_or(Unsure)?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unsure> {
        if name == AS_PRINTED {
            return match self.next() {
                Some(b'-' | b'0'..=b'9') => visitor.visit_borrowed_str(self.whole_number()?),
                _ => self.deserialize_any(visitor),
            };
        }
        if name != AS_WRITTEN {
            return Err(Unsure);
        }
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at);
        self.at = exact_value(bytes, start, self.depth).ok_or(Unsure)?;
        visitor.visit_borrowed_str(self.text.get(start..self.at).ok_or(Unsure)?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        if self.next() == Some(b'n') {
            return self.literal("null").and_then(|()| visitor.visit_none());
        }
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

/// The members of an object, or the items of a list.
struct Inside<'r, 'de> {
    reader: &'r mut Reader<'de>,
    is_first: bool,
}

impl<'de> MapAccess<'de> for Inside<'_, 'de> {
    type Error = Unsure;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unsure> {
        let reader = &mut *self.reader;
        let bytes = reader.text.as_bytes();
        // Nearly always nothing stands between two members.
        let quote = match bytes.get(reader.at..).and_then(<[u8]>::first_chunk) {
            Some(b",\"") if !self.is_first => reader.at + 1,
            _ if !reader.has_more(&mut self.is_first, b'}')? => return Ok(None),
            _ if reader.next() != Some(b'"') => return Err(Unsure),
            _ => reader.at,
        };
        let end = plain(bytes, quote + 1);
        reader.at = match bytes.get(end..).and_then(<[u8]>::first_chunk) {
            Some(b"\":") => end + 2,
            // No provider writes a key with an escape in it.
            _ if bytes.get(end) != Some(&b'"') => return Err(Unsure),
            _ => {
                reader.at = end + 1;
                reader.take(b':')?;
                reader.at
            }
        };
        let key = reader.text.get(quote + 1..end).ok_or(Unsure)?;
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unsure> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Inside<'_, 'de> {
    type Error = Unsure;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unsure> {
        if !self.reader.has_more(&mut self.is_first, b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// What an escape stands for, and its length.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let short = |character| Some((character, 2));
    match bytes.get(1)? {
        b'"' => short('"'),
        b'\\' => short('\\'),
        b'/' => short('/'),
        b'b' => short('\u{8}'),
        b'f' => short('\u{c}'),
        b'n' => short('\n'),
        b'r' => short('\r'),
        b't' => short('\t'),
        b'u' => match unit(bytes.get(2..6)?)? {
            high @ 0xd800..=0xdbff => {
                let low = bytes.get(6..12)?.strip_prefix(b"\\u").and_then(unit);
                let low = low.filter(|low| matches!(low, 0xdc00..=0xdfff))?;
                Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12))
            }
            one => Some((char::from_u32(one)?, 6)),
        },
        _ => None,
    }
}

/// Four digits as a UTF-16 unit.
fn unit(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::fields::{Exact, List, Text, Texts, wire_struct};

    wire_struct! {
        Outer<'a> { text: Text<'a> = "text" | "a", id: Exact<'a> = "id", texts: Texts<'a> = "texts", list: List<Inner<'a>> = "list", inner: Inner<'a> = "inner" }
    }
    wire_struct! {
        Inner<'a> { id: Text<'a> = "id", list: List<Inner<'a>> = "list" }
    }

    /// What this reader is sure of, after it was compared with serde_json.
    fn compared(text: &str) -> Option<String> {
        let quick = read::<Outer<'_>>(text).map(|read| format!("{read:?}"));
        let slow = serde_json::from_str::<Outer<'_>>(text).map(|read| format!("{read:?}"));
        if let Some(quick) = &quick {
            assert_eq!(slow.as_ref().ok(), Some(quick), "{text}");
        }
        quick
    }

    #[test]
    fn what_is_in_order_is_read_as_serde_json_reads_it() {
        for text in [
            r#"{"text":"a","id":12345678901234567890123,"texts":["a","b c"],"list":[{"id":"x"},{}],"inner":{"id":null}}"#,
            " { \"text\" : \"z\\u00fcrich \\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\" , \"list\" : { \"id\" : -5 } } ",
            r#"{"passed":{"over":[1.5,-2e9,"\ud83d",{"deep":[]}]},"text":true,"id":"7","texts":"a b"}"#,
            r#"{"text":123456789012345678,"text":false,"id":[1.5]}"#,
            r#"{"text":{"x":[1.25]},"inner":"text","list":5}"#,
            "{}",
            "[1,2]",
            r#""text""#,
            "null",
        ] {
            assert!(compared(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_order_is_left_to_serde_json() {
        for text in [
            "",
            "{",
            "{}}",
            "{}x",
            r#"{"text":"a",}"#,
            r#"{,"text":"a"}"#,
            r#"{"text" "a"}"#,
            r#"{"text":"a" "id":1}"#,
            "{\"text\":\"a\nb\"}",
            r#"{"text":"\ud83d"}"#,
            r#"{"text":"\ud83d\u0041"}"#,
            r#"{"text":"\ude00"}"#,
            r#"{"text":"\x"}"#,
            r#"{"text":"\u+123"}"#,
            r#"{"te\u0078t":"a"}"#,
            r#"{"text":1.5}"#,
            r#"{"text":-0}"#,
            r#"{"text":01}"#,
            r#"{"text":1234567890123456789}"#,
            r#"{"passed":"\x"}"#,
            r#"{"passed":01}"#,
            r#"{"text":nul}"#,
            "[1,2",
            "[1 2]",
        ] {
            assert!(compared(text).is_none(), "{text}");
        }
        let deep = format!(r#"{{"inner":{}{{}}{}}}"#, r#"{"list":["#.repeat(40), "]}".repeat(40));
        assert!(compared(&deep).is_none(), "deeper than {JSON_DEPTH_MAX}");
    }

    /// Pieces of JSON, most of them in their place.
    fn pieces() -> impl Strategy<Value = String> {
        const TOKENS: &[&str] = &[
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "\"",
            "\\",
            "\"text\":",
            "\"id\":",
            "\"texts\":",
            "\"list\":[",
            "\"inner\":{",
            "\"a\"",
            "\"\\u0041\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"é\"",
            "\"null\"",
            "\"a b\"",
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1",
            "12",
            "1.5",
            "1e3",
            "18446744073709551616",
            "9007199254740993",
            "\"x\":",
            "{}",
            "[]",
            "{\"id\":1}",
            ",\"text\":",
            ",\"list\":",
            ",\"inner\":",
            "\u{1}",
            "\u{7f}",
            "a long text without anything in it, longer than a block",
        ];
        prop::collection::vec(prop::sample::select(TOKENS), 0..24).prop_map(|tokens| tokens.concat())
    }

    /// An object in order, with values of any kind behind the keys that are read.
    fn object() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "null",
            "true",
            "1",
            "-7",
            "1.5",
            "-0",
            "12345678901234567890",
            "\"a\"",
            "\"null\"",
            "\"a b\"",
            "\"\\n\\u00e9\"",
            "\"\\ud83d\"",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
            let key = prop::sample::select(vec!["text", "a", "id", "texts", "list", "inner", "other", "\\u0061"]);
            let member = (key, inner.clone()).prop_map(|(key, value)| format!("\"{key}\": {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
                prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_never_reads_what_serde_json_refuses_nor_otherwise(text in prop_oneof![pieces(), object()]) {
            compared(&text);
        }

        #[test]
        fn nor_where_a_byte_is_lost_or_changed(text in object(), place in any::<prop::sample::Index>(), byte in 0_u8..0x80) {
            let mut bytes = text.into_bytes();
            if bytes.is_empty() {
                return Ok(());
            }
            let at = place.index(bytes.len());
            if byte < 0x10 { bytes.remove(at); } else { bytes[at] = byte; }
            if let Ok(text) = String::from_utf8(bytes) {
                compared(&text);
            }
        }
    }
}
