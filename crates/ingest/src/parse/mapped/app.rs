//! Which app a mapped event is about, and what kind of id that is (docs/adr/0011-what-a-mapping-may-say-of-an-app.md).
//!
//! An id of a source that we do not know is an id within that source alone, so it carries the mapping's name: `jumpcloud/63c7…`. Two exceptions: a
//! label is what an administrator wrote, here as everywhere; a domain is the same whoever reports it, and nobody can claim another's. A name
//! (a merchant on a statement, a title of a page) is whatever somebody wrote: it tells two apps of one source apart, and identifies none.

use event::AppIdKind;
use unicode_normalization::UnicodeNormalization;

/// Bytes of a host name (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// What the mapping says that its app id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    /// The provider's id of an OAuth client.
    ClientId,
    /// The provider's id of an app as installed in the tenant.
    AppId,
    /// The provider's id of something that stands for the app.
    ObjectId,
    /// A name that an administrator of the company set.
    Label,
    /// A domain, or an address that has one.
    Domain,
    /// A name that anybody may have set.
    Name,
}

/// The kinds with their names in a mapping.
pub(super) const ID_KINDS: &[(&str, IdKind)] = &[
    ("client_id", IdKind::ClientId),
    ("app_id", IdKind::AppId),
    ("object_id", IdKind::ObjectId),
    ("label", IdKind::Label),
    ("domain", IdKind::Domain),
    ("name", IdKind::Name),
];

/// The reference's kind and id, and what the app is called where nothing else says so; no kind where the text is no id.
pub(super) fn reference(id_kind: IdKind, mapping: &str, text: &str) -> (AppIdKind, String, String) {
    let text = text.trim();
    if text.is_empty() {
        return (AppIdKind::None, String::new(), String::new());
    }
    let scoped = |id: &str| format!("{mapping}/{id}");
    match id_kind {
        IdKind::ClientId => (AppIdKind::ClientId, scoped(text), String::new()),
        IdKind::AppId => (AppIdKind::AppId, scoped(text), String::new()),
        IdKind::ObjectId => (AppIdKind::ObjectId, scoped(text), String::new()),
        IdKind::Label => (AppIdKind::Label, text.nfc().collect(), text.nfc().collect()),
        IdKind::Name => (AppIdKind::ObjectId, scoped(&folded(text)), text.to_owned()),
        IdKind::Domain => match host(text) {
            Some(host) => (AppIdKind::ClientId, host.clone(), host),
            None => (AppIdKind::None, String::new(), String::new()),
        },
    }
}

/// One form of a name, however it is written: composed, lower case, single spaces.
fn folded(name: &str) -> String {
    let lower: String = name.nfc().flat_map(char::to_lowercase).nfc().collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The host of a domain or an address, in lower case, without `www.`; `None` where it is no domain (an IP address, `localhost`, a page of
/// the browser itself). Nothing behind the host is kept: that is where tokens stand.
fn host(text: &str) -> Option<String> {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return None,
        None => text,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
    };
    let is_top = |top: &str| !top.bytes().all(|byte| byte.is_ascii_digit());
    let is_domain = host.len() <= HOST_BYTES_MAX
        && host.contains('.')
        && host.split('.').all(is_label)
        && host.rsplit('.').next().is_some_and(is_top);
    is_domain.then(|| host.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_the_same_however_it_is_reported() {
        for text in [
            "app.notion.so",
            "APP.Notion.SO.",
            "https://app.notion.so/acme?token=s3cret#x",
            "http://user:pass@app.notion.so:8443/",
            "www.app.notion.so",
        ] {
            assert_eq!(reference(IdKind::Domain, "browser", text).1, "app.notion.so", "{text}");
        }
        for text in [
            "localhost",
            "10.0.0.7",
            "https://[2001:db8::1]/",
            "chrome://settings",
            "a b.com",
            "-",
            "x..com",
            "file:///a.b",
        ] {
            assert_eq!(reference(IdKind::Domain, "browser", text).0, AppIdKind::None, "{text}");
        }
    }

    #[test]
    fn ids_and_names_are_of_their_source_and_labels_and_domains_are_not() {
        for (id_kind, text, expected) in [
            (IdKind::ClientId, "12", (AppIdKind::ClientId, "x/12", "")),
            (IdKind::AppId, " a ", (AppIdKind::AppId, "x/a", "")),
            (IdKind::ObjectId, "o", (AppIdKind::ObjectId, "x/o", "")),
            (IdKind::Label, "Zoom - Prod", (AppIdKind::Label, "Zoom - Prod", "Zoom - Prod")),
            (IdKind::Name, "NOTION  LABS, Inc", (AppIdKind::ObjectId, "x/notion labs, inc", "NOTION  LABS, Inc")),
            (IdKind::Domain, "Slack.com", (AppIdKind::ClientId, "slack.com", "slack.com")),
            (IdKind::Name, "  ", (AppIdKind::None, "", "")),
        ] {
            let (kind, id, name) = reference(id_kind, "x", text);
            assert_eq!((kind, id.as_str(), name.as_str()), expected);
        }
    }
}
