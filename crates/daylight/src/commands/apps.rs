//! `apps`: what people use, how it stands, and what somebody should look at.

use anyhow::Context;

use crate::{
    cli::AppsArgs,
    commands::{note, plain, say, sql::ask, table},
    service::{AppLine, AppsAnswer, AppsRequest},
};

/// The characters of `2026-03-01T09:30` in RFC 3339.
const MINUTE_CHARS: usize = 16;
/// The characters of `2026-03-01`.
const DAY_CHARS: usize = 10;

pub(crate) async fn run(args: AppsArgs) -> anyhow::Result<()> {
    let request = AppsRequest { tenant: args.operator.tenant, status: args.status.unwrap_or_default() };
    let text = ask(&args.operator.admin.data_folder, "/v1/apps", serde_json::to_string(&request)?).await?;
    if args.json {
        say(text.trim_end());
        return Ok(());
    }
    let answer: AppsAnswer = serde_json::from_str(&text).context("the answer cannot be read")?;
    // The providers' own apps are in everybody's hands from the first day; one that IT decided about is shown all the same.
    let is_shown =
        |app: &&AppLine| args.all || !app.is_first_party || app.status != "unreviewed" || !app.departments.is_empty();
    let shown: Vec<&AppLine> = answer.apps.iter().filter(is_shown).collect();
    let mut tenants: Vec<&str> = shown.iter().map(|app| app.tenant.as_str()).collect();
    tenants.dedup();
    for (place, tenant) in tenants.iter().enumerate() {
        if tenants.len() > 1 {
            say(&format!("{}{tenant}", if place == 0 { "" } else { "\n" }));
        }
        let rows: Vec<[String; 7]> = shown.iter().filter(|app| app.tenant == *tenant).map(|app| row(app)).collect();
        table(["APP", "KEY", "STATUS", "OWNER", "PEOPLE (30 DAYS)", "FIRST SEEN", "LAST SEEN"], &rows)
            .iter()
            .for_each(|line| say(line));
    }
    if shown.is_empty() {
        say("no apps");
    }
    shown.iter().flat_map(|app| findings(app)).for_each(|line| say(&plain(&line)));
    let left_out = answer.apps.len() - shown.len();
    if left_out > 0 {
        note(&format!("{left_out} of the providers' own apps are left out (--all shows them)"));
    }
    answer.notes.iter().for_each(|line| note(&plain(line)));
    Ok(())
}

fn row(app: &AppLine) -> [String; 7] {
    let minute =
        |time: &str| time.chars().take(MINUTE_CHARS).map(|c| if c == 'T' { ' ' } else { c }).collect::<String>();
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        app.name.clone(),
        app.app_key.clone(),
        app.status.clone(),
        or_dash(app.owner.clone()),
        app.people_30_days.map_or_else(|| "?".to_owned(), |people| people.to_string()),
        or_dash(minute(&app.first_seen_at)),
        or_dash(minute(&app.last_seen_at)),
    ]
}

/// What a row cannot say.
fn findings(app: &AppLine) -> Vec<String> {
    let (name, key) = (&app.name, &app.app_key);
    let mut lines = Vec::new();
    if !app.expires_at.is_empty() {
        lines.push(format!("  {name} ({key}) is {} until {}", app.status, app.expires_at));
    }
    for merged in &app.merged {
        let day: String = merged.decided_at.chars().take(DAY_CHARS).collect();
        lines.push(format!(
            "  {name} ({key}) has {} in it, merged into {} by {} on {day}: {}",
            merged.from, merged.into, merged.decided_by, merged.reason
        ));
    }
    for own in &app.departments {
        lines.push(format!("  {name} ({key}) is {} for {}", own.status, own.department));
    }
    for reference in app.references.iter().filter(|reference| reference.is_unbound) {
        lines.push(format!(
            "! {name} ({key}): {} came after the decision and is not bound by it: {}. Look at it, then bind it: daylight decide {key} {} --reason …",
            reference.app_ref, reference.status, app.status
        ));
    }
    if !app.looks_like.is_empty() {
        lines.push(format!("! {name} ({key}) only looks like {}", app.looks_like));
    }
    lines
}
