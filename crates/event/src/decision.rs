//! What IT has decided about an app.

use crate::{Timestamp, closed_set::closed_set};

closed_set! {
    /// The standing of an app in a tenant.
    Status {
        /// Nobody has looked yet. The only state that expiry alone can bring back.
        Unreviewed => "unreviewed",
        /// Somebody is looking.
        InReview => "in_review",
        /// Offered and supported.
        Sanctioned => "sanctioned",
        /// Allowed, not supported.
        Tolerated => "tolerated",
        /// Not wanted.
        Unsanctioned => "unsanctioned",
        /// Forbidden: each person who uses it is an alert.
        Blocked => "blocked",
    }
}

impl Status {
    /// May people use it as far as IT is concerned?
    #[must_use]
    pub const fn is_approved(self) -> bool {
        matches!(self, Status::Sanctioned | Status::Tolerated)
    }

    /// May a person move an app from this state to `next`? Any state may follow any other, but nobody can *decide* not to have looked:
    /// only expiry brings `Unreviewed` back.
    ///
    /// # Errors
    /// `IllegalTransition` when `next` is `Unreviewed`, or the state that the app is in already.
    pub fn to(self, next: Status) -> Result<Status, IllegalTransition> {
        if next == Status::Unreviewed || next == self {
            return Err(IllegalTransition { from: self, to: next });
        }
        Ok(next)
    }
}

/// A decision that the workflow does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    /// The state the app is in.
    pub from: Status,
    /// The state that was asked for.
    pub to: Status,
}

impl std::fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.to == Status::Unreviewed {
            write!(
                f,
                "an app becomes unreviewed only when a decision expires; choose one of: in_review, sanctioned, tolerated, unsanctioned, blocked"
            )
        } else {
            write!(f, "the app is {} already", self.from)
        }
    }
}

impl std::error::Error for IllegalTransition {}

/// One decision, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The canonical app.
    pub app_key: String,
    /// The references known when it was made, as `source:kind:id`. A new id that claims to be the same app is a finding, not a member.
    pub app_refs: Vec<String>,
    /// The new state.
    pub status: Status,
    /// The state it replaces.
    pub previous: Status,
    /// Only for this department; empty for all.
    pub department: String,
    /// Who answers for the app.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
    /// When it ends; missing for never.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_state_may_follow_any_other_but_unreviewed() {
        for from in Status::ALL {
            for to in Status::ALL {
                let is_legal = *to != Status::Unreviewed && from != to;
                assert_eq!(from.to(*to).is_ok(), is_legal, "{from} to {to}");
            }
        }
    }
}
