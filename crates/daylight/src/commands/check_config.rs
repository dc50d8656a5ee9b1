//! `check-config`: is this configuration in order? For whoever writes one, and for a pipeline that ships one.
//!
//! The same reading as that of the roles, environment, mappings and file of apps included. Nothing is started, and no secret is read: they are
//! elsewhere when a configuration is checked.

use crate::{
    cli::RunArgs,
    commands::say,
    service::{self, BadConfig},
};

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let config = service::prepare(args.config.as_deref())?;
    service::check_connections(&config)?;
    let catalogue = service::read_catalogue(&config.catalogue).map_err(BadConfig)?;
    say(&format!(
        "in order: {} connections, {} receivers, {} tenants of their own, {} apps of the company's own; the log is {}, ClickHouse is {}",
        config.connections.len(),
        config.receivers.len(),
        config.tenants.len(),
        catalogue.own_apps_len(),
        if config.log.kafka.is_empty() { "embedded" } else { &config.log.kafka },
        if config.clickhouse.url.is_empty() { "hosted here" } else { &config.clickhouse.url },
    ));
    Ok(())
}
