//! How far an alert has come on its way to a receiver: what `notify` must remember to deliver once and not twice.

use crate::{AlertId, Timestamp, closed_set::closed_set};

closed_set! {
    /// How far the delivery of an alert to a receiver has come.
    DeliveryState {
        /// To be tried, or to be tried again.
        Pending => "pending",
        /// The receiver said 2xx: never again.
        Delivered => "delivered",
        /// Not tried any more. Nobody writes it: `notify` goes on until the receiver has said 2xx, and a receiver that is gone from the
        /// configuration has nobody left who could. The word stays because a released schema keeps its symbols.
        GivenUp => "given_up",
    }
}

/// One alert on its way to one receiver. The latest record of (alert, receiver) counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The alert's tenant.
    pub tenant: String,
    /// The alert.
    pub alert_id: AlertId,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried; missing when it was not.
    pub first_attempt_at: Timestamp,
    /// When it was last tried; missing when it was not.
    pub last_attempt_at: Timestamp,
    /// When the receiver said 2xx; missing when it has not.
    pub delivered_at: Timestamp,
}
