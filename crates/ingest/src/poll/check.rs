//! Can we log in, and may we read? One small request for each list, through the code that the pollers use, so that what is said here is what
//! they will meet; and the whole way into each hub. Nothing is stored, no cursor moves and no group is joined.

use std::time::Duration;

use event::PollState;
use runtime::{HttpClients, Secret};

use super::{
    Meaning, Place,
    http::Http,
    login::Login,
    pace::{Pace, Step},
    setup::{Plan, plan},
};
use crate::{ConnectionConfig, ConnectionError, clock::now, hub};

/// An answer may have so many bytes: one event is asked for.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// What is wrong is asked of the patience of a poller, which is not waited for.
const WAIT: Duration = Duration::from_secs(1);

/// What became of one way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The connection.
    pub connection: String,
    /// `poll`, `hub` or `http`.
    pub by: &'static str,
    /// The list, where it is polled; else empty.
    pub feed: &'static str,
    /// `ready`, or a poller's state (`no_login`, `missing_permission`, …), `no_secret`, `not_checked`; of a hub also `no_tls`, `no_topic` and
    /// `bad_settings`.
    pub state: &'static str,
    /// What is missing, by its exact name, or wrong; without secrets.
    pub detail: String,
    /// Must somebody do something?
    pub is_wrong: bool,
}

/// Tries each way into each connection that can be tried from here.
///
/// # Errors
/// `ConnectionError` where the configuration cannot be used.
pub async fn check(configs: &[ConnectionConfig], clients: &HttpClients) -> Result<Vec<Checked>, ConnectionError> {
    let mut small = configs.to_vec();
    for poll in small.iter_mut().filter_map(|config| config.poll.as_mut()) {
        poll.page_events_max = Some(1);
    }
    let plans = plan(&small)?;
    let unusable = |error: &dyn std::fmt::Display| ConnectionError::Invalid {
        id: small.first().map(|config| config.id.clone()).unwrap_or_default(),
        reason: format!("no client can be made: {error}"),
    };
    let http = Http::new(clients, ANSWER_BYTES_MAX).map_err(|error| unusable(&error))?;
    let mut checked = Vec::new();
    for plan in plans {
        checked.extend(check_lists(plan, &http).await);
    }
    for config in configs {
        checked.extend(check_hub(config).await);
        checked.extend(check_doors(config));
    }
    // In the order of the configuration: lists first, then the hub, then the door.
    let place = |id: &str| configs.iter().position(|config| config.id == id);
    checked.sort_by_key(|one| place(&one.connection));
    Ok(checked)
}

async fn check_lists(plan: Plan, http: &Http) -> Vec<Checked> {
    let login = Login::new(plan.credential);
    let mut checked = Vec::new();
    for feed in plan.feeds {
        let place = Place { position: String::new(), complete_to: now() };
        let asked = async {
            let authorization: Secret = login.authorization(http).await?;
            let answer = http.ask(&feed.ask(&place), Some(&authorization), 1).await?;
            let served_at = answer.served_at().unwrap_or_else(now);
            let refusal = feed.refusal(&answer, served_at);
            Ok(refusal.unwrap_or_else(|| feed.understand(&place, &answer, served_at)))
        };
        let meaning = asked.await.unwrap_or_else(|meaning: Meaning| meaning);
        let (state, detail) = judge(meaning);
        let is_wrong = state != PollState::Polling;
        let state = if is_wrong { state.as_str() } else { "ready" };
        checked.push(Checked {
            connection: plan.connection.clone(),
            by: "poll",
            feed: feed.name(),
            state,
            detail,
            is_wrong,
        });
    }
    checked
}

/// What a poller would say of it. A token that was just given and is refused is asked for no second time.
fn judge(meaning: Meaning) -> (PollState, String) {
    let mut pace = Pace::new(WAIT, WAIT, 0);
    let times = if meaning == Meaning::TokenEnded { 2 } else { 1 };
    let mut said = (PollState::Polling, String::new());
    for _ in 0..times {
        said = match pace.decide(meaning.clone(), false) {
            Step::Accept(_) => (PollState::Polling, String::new()),
            Step::Again(again) => (again.state, again.detail),
        };
    }
    said
}

async fn check_hub(config: &ConnectionConfig) -> Option<Checked> {
    let (state, detail, is_wrong) = hub::check(&config.id, config.hub.as_ref()?).await;
    Some(Checked { connection: config.id.clone(), by: "hub", feed: "", state, detail, is_wrong })
}

/// What others deliver can only be waited for. But their secret must be there.
fn check_doors(config: &ConnectionConfig) -> Vec<Checked> {
    let of = |state, detail: String, is_wrong| Checked {
        connection: config.id.clone(),
        by: "http",
        feed: "",
        state,
        detail,
        is_wrong,
    };
    let mut checked = Vec::new();
    for (key, secret) in [("secret", &config.secret), ("previous_secret", &config.previous_secret)] {
        let Some(source) = secret else { continue };
        match source.read() {
            Err(error) => checked.push(of("no_secret", format!("{key}: {error}"), true)),
            Ok(_) if key == "secret" => {
                let detail = "others deliver here; connections status says whether they do";
                checked.push(of("not_checked", detail.into(), false));
            }
            Ok(_) => {}
        }
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_poller_would_say_is_what_is_said() {
        let page = super::super::Page { has_events: true, next: Place::default(), rest_ms: 1 };
        for (meaning, state, word) in [
            (Meaning::Page(page), PollState::Polling, ""),
            (Meaning::TokenEnded, PollState::NoLogin, "revoked or is wrong"),
            (Meaning::LoginRefused { why: "no".into() }, PollState::NoLogin, "no"),
            (Meaning::PermissionMissing { name: "A.Read".into() }, PollState::MissingPermission, "A.Read"),
            (Meaning::Wait { told_ms: Some(5) }, PollState::Waiting, "rate limit"),
            (Meaning::CursorUnknown, PollState::Unreadable, "check the url"),
            (Meaning::Broken { why: "html".into() }, PollState::Unreadable, "html"),
            (Meaning::Unreachable { why: "away".into(), told_ms: None }, PollState::Unreachable, "away"),
        ] {
            let (said, detail) = judge(meaning);
            assert_eq!(said, state);
            assert!(detail.contains(word), "{detail}");
        }
    }
}
