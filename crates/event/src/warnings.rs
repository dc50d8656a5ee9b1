//! What a parser noticed and did not think worth a rejection.

use crate::closed_set::closed_set;

closed_set! {
    /// One thing that a parser noticed.
    ParseWarning {
        /// `occurred_at` lay outside [received − 400 days, received + 5 minutes] and was moved to the border.
        ClockSkew => "clock_skew",
        /// The provider gave no id: `event_id` is a hash of the content.
        NoNativeId => "no_native_id",
        /// A text was longer than its limit and was cut.
        TextCut => "text_cut",
        /// A typed user name was not kept, because it may be a password.
        TypedNameDropped => "typed_name_dropped",
        /// The IP address could not be read.
        BadIp => "bad_ip",
        /// The country is not one that we can name in ISO 3166-1.
        UnknownCountry => "unknown_country",
        /// An event about an app does not say which.
        AppMissing => "app_missing",
        /// An event about a person does not say who.
        PersonMissing => "person_missing",
        /// A list was longer than its limit and was cut.
        ListCut => "list_cut",
        /// A time had no zone; UTC was taken.
        ZoneMissing => "zone_missing",
        /// A consent's permissions could not be read in full.
        PermissionsUnread => "permissions_unread",
    }
}

/// A set of warnings, one bit each in the order of `ParseWarning`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ParseWarnings(u32);

impl ParseWarnings {
    /// Nothing noticed.
    pub const NONE: ParseWarnings = ParseWarnings(0);

    /// Adds one.
    pub const fn add(&mut self, warning: ParseWarning) {
        self.0 |= 1 << warning.index();
    }

    /// Is this one in the set?
    #[must_use]
    pub const fn contains(self, warning: ParseWarning) -> bool {
        self.0 & (1 << warning.index()) != 0
    }

    /// The members in order.
    pub fn iter(self) -> impl Iterator<Item = ParseWarning> {
        ParseWarning::ALL.iter().copied().filter(move |warning| self.contains(*warning))
    }

    /// The bits: warning at wire index i is bit i.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From bits; unknown ones are kept, so that an old reader passes on what a new writer said.
    #[must_use]
    pub const fn from_bits(bits: u32) -> ParseWarnings {
        ParseWarnings(bits)
    }
}
