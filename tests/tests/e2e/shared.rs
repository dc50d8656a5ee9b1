//! The Daylight that tests share which leave it as they found it. Each has a tenant and a connection of its own name there.

use std::sync::LazyLock;

use anyhow::anyhow;
use tests::{
    events::OKTA_ORG,
    servers::{Daylight, Receiver, Setup},
};

/// Who has a connection there: the tenant `x` has the Okta connection `x`.
const TENANTS: [&str; 6] = ["click", "again", "batch", "password", "canary", "hard"];

/// A running Daylight, and who is told.
pub(crate) struct Shared {
    /// It.
    pub(crate) daylight: Daylight,
    /// Told of every alert of every tenant.
    pub(crate) receiver: Receiver,
}

/// The shared one, started by the first who asks.
pub(crate) fn shared() -> anyhow::Result<&'static Shared> {
    static SHARED: LazyLock<anyhow::Result<Shared>> = LazyLock::new(start);
    SHARED.as_ref().map_err(|error| anyhow!("the shared Daylight did not start: {error:#}"))
}

/// The name that a tenant has at the provider.
pub(crate) fn org(tenant: &str) -> String {
    format!("{tenant}.{OKTA_ORG}")
}

fn start() -> anyhow::Result<Shared> {
    let receiver = Receiver::start()?;
    let mut setup = Setup::new().receiver("hook", &receiver).set("detect.learning_days", 0).set("logs.level", "debug");
    for tenant in TENANTS {
        setup = setup.connection(tenant, tenant, "okta", &org(tenant));
    }
    Ok(Shared { daylight: setup.start()?, receiver })
}
