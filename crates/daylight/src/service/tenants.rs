//! Which tenant an operator means.

use std::sync::Arc;

use super::refused::Refused;

/// The tenants of this process, in order. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Tenants(Arc<[String]>);

impl Tenants {
    /// These.
    pub(crate) fn new(tenants: Vec<String>) -> Tenants {
        Tenants(tenants.into())
    }

    /// The one that is asked for; it may be left out where there is one only.
    pub(crate) fn one<'a>(&'a self, asked: &str) -> Result<&'a str, Refused> {
        match (asked, &*self.0) {
            ("", [only]) => Ok(only),
            ("", []) => {
                Err(Refused::Unknown("no tenant is configured: it comes with its first [[connections]]".into()))
            }
            ("", _) => Err(Refused::Invalid(format!("name the tenant: one of {}", self.0.join(", ")))),
            (asked, known) => known.iter().find(|tenant| *tenant == asked).map(String::as_str).ok_or_else(|| {
                Refused::Unknown(format!("there is no tenant {asked:?}; there are: {}", known.join(", ")))
            }),
        }
    }

    /// The one that is asked for, or all.
    pub(crate) fn some(&self, asked: &str) -> Result<Vec<&str>, Refused> {
        if asked.is_empty() {
            Ok(self.0.iter().map(String::as_str).collect())
        } else {
            self.one(asked).map(|one| vec![one])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_may_be_left_out_where_there_is_one_only() {
        let tenants = |names: &[&str]| Tenants::new(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(tenants(&["acme"]).one(""), Ok("acme"));
        assert!(matches!(tenants(&["acme", "umbrella"]).one(""), Err(Refused::Invalid(_))));
        assert_eq!(tenants(&["acme", "umbrella"]).one("umbrella"), Ok("umbrella"));
        assert!(matches!(tenants(&["acme"]).one("other"), Err(Refused::Unknown(_))));
        assert!(matches!(tenants(&[]).one(""), Err(Refused::Unknown(_))));
        assert_eq!(tenants(&["acme", "umbrella"]).some(""), Ok(vec!["acme", "umbrella"]));
    }
}
