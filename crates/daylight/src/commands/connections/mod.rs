//! `connections`: what can be seen, whether we are let in, what has come, and what was fetched in another way.

mod check;
mod fill;
mod list;
mod status;

pub(crate) use check::check;
pub(crate) use fill::fill;
pub(crate) use list::list;
pub(crate) use status::status;

use crate::{
    commands::{plain, say},
    service::{Coverage, TenantCoverage, Works},
};

/// Prints which rules cannot work and what nobody would see, for each tenant.
fn say_coverage(coverage: &Coverage) {
    for tenant in &coverage.tenants {
        say("");
        coverage_lines(tenant).iter().for_each(|line| say(&plain(line)));
    }
}

fn coverage_lines(tenant: &TenantCoverage) -> Vec<String> {
    let ids = |works| -> Vec<&str> {
        tenant.rules.iter().filter(|rule| rule.works == works).map(|rule| rule.id.as_str()).collect()
    };
    let or_none = |ids: Vec<&str>| if ids.is_empty() { "none".to_owned() } else { ids.join(" ") };
    let mut lines = vec![format!("{}: rules that work: {}", tenant.tenant, or_none(ids(Works::Yes)))];
    for rule in tenant.rules.iter().filter(|rule| rule.works != Works::Yes) {
        let how = if rule.works == Works::No { "cannot work" } else { "may not work" };
        lines.push(format!("! {} ({}) {how}: {}", rule.id, rule.title, rule.why));
    }
    lines.push(format!("{}: not seen by any connection:", tenant.tenant));
    lines.extend(tenant.unseen.iter().map(|sentence| format!("- {sentence}")));
    lines
}

/// A cell of a table that may be empty.
fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
