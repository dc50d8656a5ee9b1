//! `decide APP STATUS --reason …`: what was in force, what is now, and what it binds.

use anyhow::Context;

use crate::{
    cli::DecideArgs,
    commands::{operator_name, plain, say, sql::ask},
    service::{DecideAnswer, DecideRequest, now},
};

pub(crate) async fn run(args: DecideArgs) -> anyhow::Result<()> {
    let request = DecideRequest {
        tenant: args.operator.tenant,
        app: args.app,
        name: args.name,
        status: args.status,
        department: args.department,
        reason: args.reason,
        owner: args.owner,
        decided_by: operator_name(args.who.as_deref()),
        expires_at_ms: args.expires.map_or(0, |expires| expires.at_ms(now().0)),
    };
    let answer = ask(&args.operator.admin.data_folder, "/v1/decide", serde_json::to_string(&request)?).await?;
    let answer: DecideAnswer = serde_json::from_str(&answer).context("the answer cannot be read")?;
    lines(&answer).iter().for_each(|line| say(&plain(line)));
    Ok(())
}

fn lines(answer: &DecideAnswer) -> Vec<String> {
    let whom = if answer.department.is_empty() { "everybody".to_owned() } else { answer.department.clone() };
    let end = if answer.expires_at.is_empty() { String::new() } else { format!(", until {}", answer.expires_at) };
    let owner = if answer.owner.is_empty() { String::new() } else { format!(", owner {}", answer.owner) };
    let mut lines = vec![
        format!("{} ({}) of {}, for {whom}", answer.name, answer.app_key, answer.tenant),
        format!("  was    {}", answer.previous),
        format!("  is     {}{end}{owner}", answer.status),
    ];
    for (place, bound) in answer.binds.iter().enumerate() {
        let name = if bound.name.is_empty() { String::new() } else { format!("  {}", bound.name) };
        let is_new = if bound.is_new { "  (not bound before)" } else { "" };
        lines.push(format!("  {}  {}{name}{is_new}", if place == 0 { "binds" } else { "     " }, bound.app_ref));
    }
    if !answer.binds.is_empty() {
        lines.push(
            "  A new reference that claims to be this app is not bound: it stays unreviewed until you decide again."
                .to_owned(),
        );
    }
    if answer.department.is_empty() {
        lines.push("  A department's own decision goes before this one.".to_owned());
    }
    lines.extend(answer.notes.iter().map(|note| format!("  Note: {note}.")));
    lines
}
