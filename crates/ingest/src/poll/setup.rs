//! From the configuration to pollers: which API needs what, and which two would be one too many.

use std::{sync::Arc, time::Duration};

use event::{Source, Timestamp};
use reqwest::Url;

use super::{
    Api, Feed, PollConfig, google, graph,
    login::{Credential, Login},
    office365, okta,
    poller::{Poller, Shared},
    service_account, url,
};
use crate::{ConnectionConfig, ConnectionError, connections::Connections, rivals::is_same_account};

/// A connection's polling, checked. Nothing is asked yet.
pub(crate) struct Plan {
    /// Whose.
    pub(super) connection: String,
    config: PollConfig,
    /// Where requests may go.
    pub(super) base: Url,
    /// What is logged in with.
    pub(super) credential: Credential,
    /// Its lists.
    pub(crate) feeds: Vec<Box<dyn Feed>>,
}

/// Checks what is to be polled. One feed has one poller: two would fetch everything twice.
pub(crate) fn plan(configs: &[ConnectionConfig]) -> Result<Vec<Plan>, ConnectionError> {
    let mut plans: Vec<Plan> = Vec::new();
    let mut seen: Vec<(Api, &ConnectionConfig)> = Vec::new();
    for connection in configs {
        let Some(poll) = &connection.poll else { continue };
        let invalid = |reason: String| ConnectionError::Invalid { id: connection.id.clone(), reason };
        let is_same = |(api, other): &&(Api, &ConnectionConfig)| *api == poll.api && is_same_account(other, connection);
        if let Some((_, other)) = seen.iter().find(is_same) {
            return Err(invalid(format!(
                "connection {:?} polls {} of {} already; give one of the two no poll (a hook beside a poller is welcome)",
                other.id,
                poll.api.as_str(),
                connection.provider_tenant
            )));
        }
        seen.push((poll.api, connection));
        plans.push(open(connection, poll).map_err(invalid)?);
    }
    Ok(plans)
}

/// Pollers for the plans.
pub(crate) fn pollers(plans: Vec<Plan>, connections: &Connections, shared: &Shared) -> Vec<Arc<Poller>> {
    let mut pollers = Vec::new();
    for plan in plans {
        let Some(connection) = connections.get(&plan.connection) else { continue };
        let login = Arc::new(Login::new(plan.credential));
        for feed in plan.feeds {
            pollers.push(Arc::new(Poller {
                connection: Arc::clone(&connection),
                api: plan.config.api,
                login: Arc::clone(&login),
                base: plan.base.clone(),
                name: feed.name().to_owned(),
                stretch: None,
                ordered_at: Timestamp::MISSING,
                share_percent: plan.config.backfill_share_percent,
                retry_wait_max: Duration::from_millis(plan.config.retry_wait_max_ms.max(1)),
                recheck: Duration::from_millis(plan.config.recheck_interval_ms.max(1)),
                feed,
                shared: shared.clone(),
            }));
        }
    }
    pollers
}

/// Checks what one connection polls, or says which key is wrong or missing.
pub(crate) fn open(connection: &ConnectionConfig, poll: &PollConfig) -> Result<Plan, String> {
    let (provider, default_url) = match poll.api {
        Api::Okta => (Source::Okta, format!("https://{}", connection.provider_tenant)),
        Api::Graph => (Source::Entra, graph::URL.to_owned()),
        Api::GoogleReports => (Source::GoogleWorkspace, google::URL.to_owned()),
        Api::Office365 => (Source::M365Ual, office365::URL.to_owned()),
    };
    if connection.provider != provider {
        return Err(format!(
            "the api {} gives events of {provider}, and provider is {}",
            poll.api.as_str(),
            connection.provider
        ));
    }
    if poll.retry_wait_max_ms == 0 || poll.recheck_interval_ms == 0 || poll.interval_ms == Some(0) {
        return Err("intervals and waits of poll must be above 0".to_owned());
    }
    if !(1..=100).contains(&poll.backfill_share_percent) {
        return Err("backfill_share_percent of poll must be between 1 and 100".to_owned());
    }
    let base = url::read_base(poll.url.as_deref().unwrap_or(&default_url))?;
    let (credential, feeds) = match poll.api {
        Api::Okta => okta::open(poll, &base)?,
        Api::Graph => graph::open(poll, &base, &connection.provider_tenant)?,
        Api::GoogleReports => google::open(poll, &base)?,
        Api::Office365 => office365::open(poll, &base, &connection.provider_tenant)?,
    };
    Ok(Plan { connection: connection.id.clone(), config: poll.clone(), base, credential, feeds })
}

/// The client by which a connection logs in, as the provider's own events call it. A secret that cannot be read is told by who needs it.
pub(crate) fn client_id(poll: &PollConfig) -> Option<String> {
    let of_account = || service_account::client_id(&poll.service_account.as_ref()?.read().ok()?);
    poll.client_id.clone().or_else(of_account).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs(text: &str) -> Vec<ConnectionConfig> {
        #[derive(serde::Deserialize)]
        struct Config {
            connections: Vec<ConnectionConfig>,
        }
        toml::from_str::<Config>(text).unwrap().connections
    }

    fn connection(id: &str, provider: &str, tenant: &str, poll: &str) -> String {
        format!(
            "[[connections]]\nid='{id}'\ntenant='acme'\nprovider='{provider}'\nprovider_tenant='{tenant}'\npoll={poll}\n"
        )
    }

    const OKTA: &str = "{api='okta',token={env='T'}}";

    fn refusal(text: &str) -> String {
        plan(&configs(text)).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string()
    }

    #[test]
    fn two_pollers_of_one_feed_are_refused_with_both_names() {
        let one = connection("one", "okta", "acme.okta.com", OKTA);
        let error = refusal(&(one.clone() + &connection("two", "okta", "acme.okta.com", OKTA)));
        assert!(error.contains("\"one\"") && error.contains("\"two\"") && error.contains("acme.okta.com"), "{error}");
        let shouted = refusal(&(one.clone() + &connection("two", "okta", "ACME.okta.com", OKTA)));
        assert!(shouted.contains("\"one\"") && shouted.contains("\"two\""), "{shouted}");
        assert_eq!(plan(&configs(&(one + &connection("two", "okta", "beta.okta.com", OKTA)))).unwrap().len(), 2);
    }

    #[test]
    fn what_an_api_needs_and_is_missing_is_named() {
        for (provider, poll, word) in [
            ("entra", OKTA, "gives events of okta"),
            ("okta", "{api='okta'}", "token"),
            ("okta", "{api='okta',client_id='0oa1'}", "`client_id` and `private_key` of a service app"),
            ("okta", "{api='okta',private_key={env='K'}}", "`client_id` and `private_key` of a service app"),
            ("okta", "{api='okta',token={env='T'},client_id='0oa1',private_key={env='K'}}", "give one of the two"),
            ("okta", "{api='okta',client_id='0oa1',private_key={env='K'},token_url='http://x.example'}", "https"),
            ("okta", "{api='okta',token={env='T'},url='http://acme.okta.com'}", "https"),
            ("okta", "{api='okta',token={env='T'},interval_ms=0}", "above 0"),
            ("okta", "{api='okta',token={env='T'},backfill_share_percent=0}", "between 1 and 100"),
            ("okta", "{api='okta',token={env='T'},backfill_share_percent=101}", "between 1 and 100"),
            ("entra", "{api='graph',client_id='x'}", "client_secret"),
            ("entra", "{api='graph',client_secret={env='S'}}", "client_id"),
            ("entra", "{api='graph',client_id='x',client_secret={env='S'},token_url='http://x.example'}", "https"),
            ("m365_ual", "{api='office365',client_id='x'}", "office365 needs `client_secret`"),
            ("m365_ual", "{api='office365',client_id='x',client_secret={env='S'},overlap_ms=86400000}", "43200000"),
            ("google_workspace", "{api='google_reports',delegated_admin='a@x.example'}", "service_account"),
            ("google_workspace", "{api='google_reports',service_account={env='K'}}", "delegated_admin"),
            (
                "google_workspace",
                "{api='google_reports',delegated_admin='a@x.example',service_account={env='K'},overlap_ms=3600000}",
                "14400000",
            ),
        ] {
            let error = refusal(&connection("x", provider, "acme.okta.com", poll));
            assert!(error.contains(word) && error.contains("\"x\""), "{poll}: {error}");
        }
    }

    #[test]
    fn an_api_has_its_feeds_under_names_that_never_change() {
        let text = connection("o", "okta", "acme.okta.com", OKTA)
            + &connection("e", "entra", "tid", "{api='graph',client_id='x',client_secret={env='S'}}")
            + &connection(
                "g",
                "google_workspace",
                "C1",
                "{api='google_reports',delegated_admin='a@x.example',service_account={env='K'}}",
            )
            + &connection("m", "m365_ual", "tid", "{api='office365',client_id='x',client_secret={env='S'}}");
        let plans = plan(&configs(&text)).unwrap();
        let names = |plan: &Plan| plan.feeds.iter().map(|feed| feed.name()).collect::<Vec<_>>();
        assert_eq!((names(&plans[0]), plans[0].base.as_str()), (vec!["system_log"], "https://acme.okta.com/"));
        assert_eq!(
            (names(&plans[1]), plans[1].base.as_str()),
            (vec!["sign_ins", "directory_audits"], "https://graph.microsoft.com/")
        );
        assert_eq!(
            (names(&plans[2]), plans[2].base.as_str()),
            (vec!["login", "token", "saml", "admin"], "https://admin.googleapis.com/")
        );
        assert_eq!(
            (names(&plans[3]), plans[3].base.as_str()),
            (vec!["azure_active_directory"], "https://manage.office.com/")
        );
    }
}
