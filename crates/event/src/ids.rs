//! Identifiers: numbers with a type, printed as lower-case hexadecimal of fixed width.

use std::fmt;

macro_rules! hex_id {
    ($(#[$meta:meta])* $name:ident($number:ty), $width:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $number);

        impl $name {
            /// No value: all zero.
            pub const NONE: $name = $name(0);

            /// Is this a value?
            #[must_use]
            pub const fn is_some(self) -> bool {
                self.0 != 0
            }

            /// Reads the printed form: hexadecimal of exactly the printed width.
            #[must_use]
            pub fn parse(text: &str) -> Option<$name> {
                let is_hex = text.len() == $width && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                if !is_hex {
                    return None;
                }
                <$number>::from_str_radix(text, 16).ok().map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $width, "x}"), self.0)
            }
        }
    };
}

hex_id! {
    /// One event for ever: BLAKE3 of what the provider calls it (see `EventIdHasher`). 128 bits.
    EventId(u128), 32
}

hex_id! {
    /// One alert episode for ever (see `alert_id`). 128 bits.
    AlertId(u128), 32
}

hex_id! {
    /// One log for ever: Kafka's topic id, or the id that the embedded log made when it was created. 128 bits.
    LogId(u128), 32
}

hex_id! {
    /// A person's permanent pseudonym within a tenant (see `TenantKey`). 64 bits; 0 means that nobody is known.
    UserKey(u64), 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_at_full_width_and_parse_back() {
        let key = UserKey(0xab);
        assert_eq!(key.to_string(), "00000000000000ab");
        assert_eq!(UserKey::parse(&key.to_string()), Some(key));
        assert_eq!(UserKey::parse("ab"), None);
        assert_eq!(UserKey::parse("+0000000000000ab"), None);
        assert_eq!(EventId(1).to_string().len(), 32);
    }
}
