//! `merge FROM INTO --reason …` and `split FROM INTO --reason …`: what is one app from now on, or no longer.

use anyhow::Context;
use event::AliasAction;

use crate::{
    cli::MergeArgs,
    commands::{operator_name, plain, say, sql::ask},
    service::{MergeAnswer, MergeRequest},
};

pub(crate) async fn run(args: MergeArgs, action: AliasAction) -> anyhow::Result<()> {
    let request = MergeRequest {
        tenant: args.operator.tenant,
        action: action.to_string(),
        from: args.from,
        into: args.into,
        reason: args.reason,
        decided_by: operator_name(args.who.as_deref()),
    };
    let answer = ask(&args.operator.admin.data_folder, "/v1/alias", serde_json::to_string(&request)?).await?;
    let answer: MergeAnswer = serde_json::from_str(&answer).context("the answer cannot be read")?;
    lines(&answer, action).iter().for_each(|line| say(&plain(line)));
    Ok(())
}

fn lines(answer: &MergeAnswer, action: AliasAction) -> Vec<String> {
    let MergeAnswer { tenant, from, into, references, notes } = answer;
    let mut lines = vec![match action {
        AliasAction::Merge => format!("{tenant}: {from} is part of {into} from the next event on"),
        AliasAction::Split => {
            format!("{tenant}: {from} is an app of its own again from the next event on, no part of {into}")
        }
    }];
    lines.extend(references.iter().map(|app_ref| format!("  {app_ref}")));
    if action == AliasAction::Merge {
        lines.push("  No decision moves with it: each binds the references that it bound before.".to_owned());
    }
    lines.extend(notes.iter().map(|note| format!("  Note: {note}.")));
    lines
}
