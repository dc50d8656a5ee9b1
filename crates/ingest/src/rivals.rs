//! Which connections may not stand beside each other, because what happens once would be told twice, or to two of our tenants.
//!
//! A hook, a hub and a poller of one provider tenant are welcome together: they name an event alike, so what comes several ways is one event.
//! The two logs of a Microsoft directory do not: they tell the same sign-ins and consents under ids of their own, so with both each of them
//! is two events for ever. That is refused and not warned of, because no later step can mend a history that was doubled, and because a warning in
//! a log is read by nobody. Imported history (`is_backfill`) may come from the other log: it ends where the live one begins.

use crate::{ConnectionConfig, ConnectionError};

/// Checks every pair of connections.
pub(crate) fn check(configs: &[ConnectionConfig]) -> Result<(), ConnectionError> {
    for (place, config) in configs.iter().enumerate() {
        let contradiction = configs.iter().take(place).find_map(|other| contradiction(other, config));
        if let Some(reason) = contradiction {
            return Err(ConnectionError::Invalid { id: config.id.clone(), reason });
        }
    }
    Ok(())
}

/// Do two connections tell of one provider tenant? Hosts and GUIDs are the same in either case.
pub(crate) fn is_same_account(one: &ConnectionConfig, other: &ConnectionConfig) -> bool {
    one.provider.issuer() == other.provider.issuer()
        && one.provider_tenant.trim().eq_ignore_ascii_case(other.provider_tenant.trim())
}

fn contradiction(other: &ConnectionConfig, config: &ConnectionConfig) -> Option<String> {
    if !is_same_account(other, config) {
        return None;
    }
    let (id, account) = (&other.id, &other.provider_tenant);
    if other.tenant != config.tenant {
        return Some(format!(
            "connection {id:?} delivers {account} for tenant {:?} already; one provider tenant belongs to one of our tenants",
            other.tenant
        ));
    }
    let is_live = !other.is_backfill && !config.is_backfill;
    (is_live && other.provider != config.provider).then(|| {
        format!(
            "connection {id:?} delivers {} of {account} already, and {} tells the same activities under other ids, so that each would be two events; take one of the two away (docs/sources/entra.md)",
            other.provider, config.provider
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: &str = "aaaaaaaa-2222-4333-8444-555555555555";

    fn connection(id: &str, tenant: &str, provider: &str, provider_tenant: &str) -> ConnectionConfig {
        let text = format!(
            "id='{id}'\ntenant='{tenant}'\nprovider='{provider}'\nprovider_tenant='{provider_tenant}'\nsecret={{env='S'}}"
        );
        toml::from_str(&text).unwrap()
    }

    fn refused(pair: [ConnectionConfig; 2]) -> Option<String> {
        check(&pair).err().map(|error| error.to_string())
    }

    #[test]
    fn one_provider_tenant_under_two_tenants_is_refused_with_both_names_however_it_is_written() {
        for (provider, account, other, written) in [
            ("okta", "acme.okta.com", "okta", "Acme.Okta.com "),
            ("entra", DIRECTORY, "entra", "AAAAAAAA-2222-4333-8444-555555555555"),
            ("entra", DIRECTORY, "m365_ual", DIRECTORY),
        ] {
            let pair = [connection("one", "acme", provider, account), connection("two", "umbrella", other, written)];
            let sentence = refused(pair).unwrap();
            assert!(["\"one\"", "\"two\"", "\"acme\""].iter().all(|name| sentence.contains(name)), "{sentence}");
        }
        let pair =
            [connection("one", "acme", "okta", "a.okta.com"), connection("two", "umbrella", "okta", "b.okta.com")];
        assert_eq!(refused(pair), None);
    }

    #[test]
    fn both_logs_of_one_directory_are_refused_with_both_names() {
        let both =
            || [connection("hub", "acme", "entra", DIRECTORY), connection("audit", "acme", "m365_ual", DIRECTORY)];
        let sentence = refused(both()).unwrap();
        for word in ["\"hub\"", "\"audit\"", DIRECTORY, "entra", "m365_ual", "two events"] {
            assert!(sentence.contains(word), "{word}: {sentence}");
        }
        let [one, other] = both();
        assert!(refused([other, one]).is_some(), "in either order");
        let [hub, mut audit] = both();
        audit.provider_tenant = "bbbbbbbb-2222-4333-8444-555555555555".to_owned();
        assert_eq!(refused([hub, audit]), None, "a subsidiary's directory is another one");
        let [hub, mut history] = both();
        history.is_backfill = true;
        assert_eq!(refused([hub, history]), None, "history ends where the live log begins");
    }

    #[test]
    fn a_hook_and_a_poller_of_one_org_are_welcome() {
        for (provider, account) in [("okta", "acme.okta.com"), ("entra", DIRECTORY), ("google_workspace", "C01234567")]
        {
            let pair = [connection("hook", "acme", provider, account), connection("poll", "acme", provider, account)];
            assert_eq!(refused(pair), None, "{provider}");
        }
    }
}
