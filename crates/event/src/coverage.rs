//! What a source can tell at all: the words in which a feed says what it yields, and a rule says what it needs. Where the two do not meet, a
//! rule is silent not because nothing happened, and somebody must be told so.

use crate::closed_set::closed_set;

closed_set! {
    /// One thing that a log can tell.
    Fact {
        /// Who signs in to the provider itself.
        SignIn => "sign_in",
        /// Who signs in to which app.
        SignOn => "sign_on",
        /// Which app is given tokens, or uses what it was granted, while nobody signs in.
        TokenUse => "token_use",
        /// Who lets which app act on data.
        Grant => "grant",
        /// What exactly was granted.
        Scopes => "scopes",
        /// That a consent speaks for everybody in the company.
        TenantWideConsent => "tenant_wide_consent",
        /// Apps by the names that their makers chose, and not by an administrator's label.
        MakersName => "makers_name",
        /// Apps by ids that the list of rogue apps knows: it is the same in every company, and so far the list has Microsoft's only.
        ListedId => "listed_id",
    }
}

impl Fact {
    /// In words, for people: what is told.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Fact::SignIn => "sign-ins to the provider",
            Fact::SignOn => "sign-ons to apps",
            Fact::TokenUse => "tokens and their use",
            Fact::Grant => "grants to apps",
            Fact::Scopes => "the scopes of grants",
            Fact::TenantWideConsent => "consents for the whole company",
            Fact::MakersName => "the names that makers give their apps",
            Fact::ListedId => "ids that the list of rogue apps knows (Microsoft's)",
        }
    }
}
