//! The product whose own log is read: Slack in Slack's audit log, GitHub in GitHub's, Salesforce, Dropbox. What counts there is decided
//! here, once for all of them.
//!
//! - A grant inside the product is of the *installed* app: the Slack app, the GitHub integration, the connected app. Never of the product.
//! - A sign-in to the product is a login *of the product itself*, and counts as its use. Somebody who signs in past the identity provider
//!   (a password, a session that never ends) is seen here and nowhere else; who is seen in both logs on one day is one person of that day.
//! - The product's reference is a label with its name. Nobody outside can choose it, so it resolves to the catalogue's entry: one Slack,
//!   with its decisions and its usage, whether people came through Okta or not. For the same reason it is *not* `first_party`, which would
//!   exempt it from every list that IT looks at. A new connection teaches before it pages, so connecting the log raises no alert.
//! - The identity providers among the sources (Auth0, OneLogin) are no product in this sense: to sign in there is a login without an app,
//!   as with Okta, unless the event says to which app.
//! - An administrator who signs in as somebody else is `other`, in every log: it is a risk signal and nobody's use.

use event::{AppIdKind, AppRef, Source};

/// The product as an app, and its name.
pub(crate) const fn own_product(source: Source) -> (AppRef<'static>, &'static str) {
    let name = match source {
        Source::Slack => "Slack",
        Source::Github => "GitHub",
        Source::Dropbox => "Dropbox",
        Source::Salesforce => "Salesforce",
        _ => "",
    };
    let id_kind = if name.is_empty() { AppIdKind::None } else { AppIdKind::Label };
    (AppRef { source, id_kind, id: name }, name)
}
