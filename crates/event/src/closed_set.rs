//! Closed sets: enums whose names are the same in Avro, in ClickHouse, in JSON and in metrics.
//!
//! A macro and not a function, because fifteen sets need the same five members and a hand-written copy of each would drift. The order
//! of the variants is the wire order (Avro writes an enum as its index), so a new variant goes to the end.

macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// Every member, in wire order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The names of every member, in wire order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The one spelling: Avro symbol, ClickHouse enum value, JSON value, metric label.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// The place in wire order, from 0.
            #[must_use]
            pub const fn index(self) -> u8 {
                self as u8
            }

            /// The member at a place in wire order.
            #[must_use]
            pub fn from_index(index: u8) -> Option<$name> {
                $name::ALL.get(usize::from(index)).copied()
            }

            /// The member of that spelling.
            #[must_use]
            pub fn parse(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use closed_set;
