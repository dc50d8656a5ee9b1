//! Patience: what is done after an answer, and when. Pure: the loop sleeps.
//!
//! | what happened | what follows |
//! |---|---|
//! | a page | it is accepted; then the rest that the feed says |
//! | something is gone | it is told, and the feed goes on behind it |
//! | come again later | exactly when the provider said; else a growing wait |
//! | token ended | a new one, once and at once; if that is not taken either: no login, tried again every `recheck_interval_ms` |
//! | no login, missing permission | tried again every `recheck_interval_ms`: a revoked credential makes no storm |
//! | cursor unknown | read again from the last time, less the overlap |
//! | unreadable, unreachable, our log away | the same request, after a growing wait with full jitter |

use std::time::Duration;

use event::PollState;
use runtime::Backoff;

use super::{Meaning, Page};

/// The first wait after a failure.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// The patience of one feed.
pub(crate) struct Pace {
    backoff: Backoff,
    recheck: Duration,
    /// The last token was fresh, and nothing has been answered to it but that it has ended.
    is_token_doubtful: bool,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Accept the page.
    Accept(Page),
    /// Ask again.
    Again(Again),
}

/// Ask again, after a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// How long.
    pub(crate) wait: Duration,
    /// How it goes meanwhile.
    pub(crate) state: PollState,
    /// Why.
    pub(crate) detail: String,
    /// Log in anew before.
    pub(crate) is_login_forgotten: bool,
    /// Read from the last time instead of from the position.
    pub(crate) is_from_time: bool,
}

impl Pace {
    /// Nothing has happened yet. Two feeds and two processes differ by their seed.
    pub(crate) fn new(wait_max: Duration, recheck: Duration, seed: u64) -> Pace {
        Pace { backoff: Backoff::full_jitter(RETRY_WAIT, wait_max, seed), recheck, is_token_doubtful: false }
    }

    /// What follows from an answer. `has_position` is false where the feed was read from a time.
    pub(crate) fn decide(&mut self, meaning: Meaning, has_position: bool) -> Step {
        let was_doubtful = std::mem::replace(&mut self.is_token_doubtful, meaning == Meaning::TokenEnded);
        let again = match meaning {
            Meaning::Page(page) | Meaning::Gone { page, .. } => return Step::Accept(page),
            Meaning::Wait { told_ms } => Again::after(self.told_or_growing(told_ms), PollState::Waiting, "rate limit"),
            Meaning::TokenEnded if was_doubtful => {
                let detail = "a fresh credential is refused (401): it was revoked or is wrong";
                Again { is_login_forgotten: true, ..Again::after(self.recheck, PollState::NoLogin, detail) }
            }
            Meaning::TokenEnded => {
                Again { is_login_forgotten: true, ..Again::after(Duration::ZERO, PollState::Polling, "") }
            }
            Meaning::LoginRefused { why } => Again::after(self.recheck, PollState::NoLogin, &why),
            // A token carries what was granted when it was given, so a grant shows with the next one.
            Meaning::PermissionMissing { name } => {
                Again { is_login_forgotten: true, ..Again::after(self.recheck, PollState::MissingPermission, &name) }
            }
            Meaning::CursorUnknown if has_position => {
                Again { is_from_time: true, ..Again::after(self.backoff.next_wait(), PollState::Polling, "") }
            }
            Meaning::CursorUnknown => {
                let detail = "the provider refuses to be read from a time (400, 404 or 410); check the url";
                Again::after(self.backoff.next_wait(), PollState::Unreadable, detail)
            }
            Meaning::Broken { why } => Again::after(self.backoff.next_wait(), PollState::Unreadable, &why),
            Meaning::Unreachable { why, told_ms } => {
                Again::after(self.told_or_growing(told_ms), PollState::Unreachable, &why)
            }
        };
        Step::Again(again)
    }

    /// Our own log did not take the page.
    pub(crate) fn not_accepted(&mut self, why: &str) -> Again {
        Again::after(self.backoff.next_wait(), PollState::LogAway, why)
    }

    /// A page is in the log.
    pub(crate) fn accepted(&mut self) {
        self.backoff.reset();
    }

    fn told_or_growing(&mut self, told_ms: Option<u64>) -> Duration {
        told_ms.map_or_else(|| self.backoff.next_wait(), Duration::from_millis)
    }
}

impl Again {
    fn after(wait: Duration, state: PollState, detail: &str) -> Again {
        let detail = detail.to_owned();
        Again { wait, state, detail, is_login_forgotten: false, is_from_time: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECHECK: Duration = Duration::from_secs(300);

    fn pace() -> Pace {
        Pace::new(Duration::from_secs(60), RECHECK, 7)
    }

    fn again(pace: &mut Pace, meaning: Meaning) -> Again {
        match pace.decide(meaning, true) {
            Step::Again(again) => again,
            Step::Accept(page) => panic!("{page:?}"),
        }
    }

    #[test]
    fn an_hour_of_429_is_asked_exactly_when_it_was_said_and_never_before() {
        let (mut pace, mut asked, mut waited) = (pace(), 0, Duration::ZERO);
        while waited < Duration::from_secs(3_600) {
            let again = again(&mut pace, Meaning::Wait { told_ms: Some(60_000) });
            assert_eq!((again.wait, again.state), (Duration::from_secs(60), PollState::Waiting));
            (asked, waited) = (asked + 1, waited + again.wait);
        }
        assert_eq!(asked, 60);
    }

    #[test]
    fn without_a_word_the_wait_grows_to_its_ceiling_and_a_page_ends_that() {
        let mut pace = pace();
        let waits: Vec<Duration> = (0..200).map(|_| again(&mut pace, Meaning::Wait { told_ms: None }).wait).collect();
        assert!(waits[0] <= RETRY_WAIT && waits.iter().all(|wait| *wait <= Duration::from_secs(60)));
        let late: Duration = waits[100..].iter().sum();
        assert!(late > Duration::from_secs(20 * 100), "the mean of full jitter is half the ceiling: {late:?}");
        pace.accepted();
        assert!(again(&mut pace, Meaning::Broken { why: "x".into() }).wait <= RETRY_WAIT);
    }

    #[test]
    fn an_ended_token_is_renewed_once_at_once_and_a_revoked_one_makes_no_storm() {
        let mut pace = pace();
        let first = again(&mut pace, Meaning::TokenEnded);
        assert!(first.wait.is_zero() && first.is_login_forgotten);
        for _ in 0..5 {
            let next = again(&mut pace, Meaning::TokenEnded);
            assert_eq!((next.wait, next.state, next.is_login_forgotten), (RECHECK, PollState::NoLogin, true));
        }
        // A page in between, and the next end is an ordinary one.
        let page = Page { has_events: false, next: super::super::Place::default(), rest_ms: 1 };
        assert_eq!(pace.decide(Meaning::Page(page.clone()), true), Step::Accept(page));
        assert!(again(&mut pace, Meaning::TokenEnded).wait.is_zero());
    }

    #[test]
    fn a_missing_permission_is_named_and_tried_again_slowly_with_a_new_token() {
        let again = again(&mut pace(), Meaning::PermissionMissing { name: "AuditLog.Read.All".into() });
        assert_eq!((again.wait, again.state), (RECHECK, PollState::MissingPermission));
        assert!(again.is_login_forgotten && again.detail == "AuditLog.Read.All");
        let refused = super::Pace::decide(&mut pace(), Meaning::LoginRefused { why: "x".into() }, true);
        assert!(matches!(refused, Step::Again(Again { wait: RECHECK, state: PollState::NoLogin, .. })));
    }

    #[test]
    fn an_unknown_cursor_is_read_again_from_its_time_but_a_refused_time_is_no_loop() {
        let mut pace = pace();
        assert!(again(&mut pace, Meaning::CursorUnknown).is_from_time);
        let Step::Again(refused) = pace.decide(Meaning::CursorUnknown, false) else { panic!() };
        assert_eq!((refused.is_from_time, refused.state), (false, PollState::Unreadable));
    }
}
