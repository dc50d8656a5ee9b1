//! Parameters of an event: a list of `{"name", "value" | "intValue" | "boolValue" | "multiValue" | …}`, or a flat map of names to values.
//!
//! Which of the keys holds the value says its type, and nobody agrees on it: `intValue` is a text here and a number there, a scope is `multiValue`,
//! `multiStrValue` or `value`. So all of them are read as one or several texts.

use std::fmt;

use serde::de::{
    Deserialize, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer,
};

use crate::parse::fields::{Key, LIST_LENGTH_MAX, List, Text, scalars_are_missing, wire_struct};

wire_struct! {
    /// One parameter. A message is a list of parameters again.
    Parameter<'a> {
        name: Text<'a> = "name",
        values: Values<'a> = "value" | "intValue" | "boolValue" | "multiValue" | "multiStrValue" | "multiIntValue" | "multiBoolValue",
        messages: List<Message<'a>> = "messageValue" | "multiMessageValue",
    }
}

wire_struct! {
    /// Several parameters as one value.
    Message<'a> {
        parameters: List<Parameter<'a>> = "parameter" | "parameters",
    }
}

/// One value, or several; numbers and booleans as they are printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values<'a> {
    first: Text<'a>,
    more: List<Text<'a>>,
}

/// The parameters of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters<'a>(List<Parameter<'a>>);

impl<'a> Parameters<'a> {
    /// The first value of a parameter; empty when it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The first value of the first of these parameters that has one.
    pub(crate) fn first_of(&self, names: &[&str]) -> &str {
        names.iter().map(|name| self.text(name)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Is the parameter true?
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }

    /// Every value of a parameter that is told.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |parameter| &*parameter.name == name).flat_map(|parameter| parameter.values.iter())
    }

    /// Every value of a member of a parameter's messages.
    pub(crate) fn members(&self, name: &str, member: &str) -> impl Iterator<Item = &str> {
        let messages = self.0.iter().filter(move |parameter| &*parameter.name == name);
        let parts =
            messages.flat_map(|parameter| parameter.messages.iter()).flat_map(|message| message.parameters.iter());
        parts.filter(move |part| &*part.name == member).flat_map(|part| part.values.iter())
    }

    /// Was one of the lists in it longer than what is read?
    pub(crate) fn is_cut(&self) -> bool {
        self.0.is_cut || self.0.iter().any(|parameter| parameter.values.more.is_cut || parameter.messages.is_cut)
    }
}

impl<'a> Values<'a> {
    fn one(first: Text<'a>) -> Values<'a> {
        Values { first, more: List::default() }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let all = std::iter::once(&self.first).chain(self.more.iter());
        all.map(|text| &**text).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Values<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;
        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Values<'de>, E> {
                Text::deserialize(BorrowedStrDeserializer::new(text)).map(Values::one)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Values<'de>, E> {
                Text::deserialize(text.into_deserializer()).map(Values::one)
            }

            fn visit_bool<E: serde::de::Error>(self, is_true: bool) -> Result<Values<'de>, E> {
                Text::deserialize(is_true.into_deserializer()).map(Values::one)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Values<'de>, E> {
                Text::deserialize(number.into_deserializer()).map(Values::one)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Values<'de>, E> {
                Text::deserialize(number.into_deserializer()).map(Values::one)
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Values<'de>, E> {
                Text::deserialize(number.into_deserializer()).map(Values::one)
            }

            fn visit_unit<E>(self) -> Result<Values<'de>, E> {
                Ok(Values::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Values<'de>, A::Error> {
                let more = List::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))?;
                Ok(Values { first: Text::default(), more })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Values<'de>, A::Error> {
                Text::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Values::one)
            }
        }
        deserializer.deserialize_any(ValuesVisitor)
    }
}

impl<'de> Deserialize<'de> for Parameters<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParametersVisitor;
        impl<'de> Visitor<'de> for ParametersVisitor {
            type Value = Parameters<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parameters")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Parameters<'de>, A::Error> {
                List::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Parameters)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters<'de>, A::Error> {
                let mut list = List::default();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    let (values, messages) = (map.next_value()?, List::default());
                    list.is_cut |= list.items.len() >= LIST_LENGTH_MAX;
                    if !list.is_cut {
                        list.items.push(Parameter { name: Text(key.0), values, messages });
                    }
                }
                Ok(Parameters(list))
            }

            scalars_are_missing!();
        }
        deserializer.deserialize_any(ParametersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parameters<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_parameter_is_read_whichever_key_holds_its_value() {
        for text in [
            r#"[{"name":"count","intValue":"12"},{"name":"is","boolValue":true},{"name":"scope","multiValue":["a","b"]}]"#,
            r#"[{"name":"count","intValue":12},{"name":"is","value":"true"},{"name":"scope","multiStrValue":["a","b"]}]"#,
            r#"[{"name":"count","value":"12"},{"name":"is","boolValue":"TRUE"},{"name":"scope","value":["a","b"]}]"#,
            r#"{"count":12,"is":true,"scope":["a","b"]}"#,
        ] {
            let parameters = read(text);
            assert_eq!((parameters.text("count"), parameters.is_true("is")), ("12", true), "{text}");
            assert_eq!(parameters.all("scope").collect::<Vec<_>>(), ["a", "b"], "{text}");
        }
    }

    #[test]
    fn messages_may_be_one_or_many() {
        let message = r#"{"parameter":[{"name":"scope_name","value":"a"},{"name":"product_bucket","multiValue":["MAIL","DRIVE"]}]}"#;
        for text in [
            format!(r#"[{{"name":"scope_data","multiMessageValue":[{message}]}}]"#),
            format!(r#"[{{"name":"scope_data","messageValue":{message}}}]"#),
        ] {
            let parameters = read(&text);
            assert_eq!(parameters.members("scope_data", "scope_name").collect::<Vec<_>>(), ["a"]);
            assert_eq!(parameters.members("scope_data", "product_bucket").collect::<Vec<_>>(), ["MAIL", "DRIVE"]);
        }
    }

    #[test]
    fn what_is_no_parameter_is_none() {
        for text in [
            "null",
            "5",
            r#""text""#,
            "[null,5,[],{}]",
            "{}",
            r#"{"scope":{"x":1}}"#,
            r#"[{"name":"scope","value":{"x":1}}]"#,
        ] {
            assert_eq!(read(text).all("scope").count(), 0, "{text}");
        }
    }
}
