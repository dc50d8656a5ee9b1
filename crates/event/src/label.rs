//! The name under which an app stands in metrics and in Alertmanager: one spelling, because an inhibit rule compares the two.

use std::borrow::Cow;

use crate::hash::label_hash;

/// Bytes of an app's label. Client ids and domains are far shorter; entity ids of SAML apps, which their makers choose, are not always.
const LABEL_BYTES_MAX: usize = 200;

/// The label of an app: its `app_key`, and of a longer one the beginning with a hash of the whole, so that two do not become one.
#[must_use]
pub fn app_label(app_key: &str) -> Cow<'_, str> {
    if app_key.len() <= LABEL_BYTES_MAX {
        return Cow::Borrowed(app_key);
    }
    let suffix = format!("~{:016x}", label_hash(app_key));
    let mut end = LABEL_BYTES_MAX.saturating_sub(suffix.len());
    while !app_key.is_char_boundary(end) {
        end -= 1;
    }
    let (beginning, _) = app_key.split_at(end);
    Cow::Owned(format!("{beginning}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_its_own_label_and_long_ones_stay_apart_within_the_limit() {
        assert_eq!(app_label("slack.com"), "slack.com");
        assert_eq!(app_label(&"a".repeat(LABEL_BYTES_MAX)).len(), LABEL_BYTES_MAX);
        let (one, two) = ("ä".repeat(600) + "1", "ä".repeat(600) + "2");
        let (one, two) = (app_label(&one), app_label(&two));
        assert!(one.len() <= LABEL_BYTES_MAX && two.len() <= LABEL_BYTES_MAX);
        assert_ne!(one, two);
    }
}
