//! `reveal USER_KEY --reason …`: the name behind a pseudonym. IT cannot help people whom it cannot name.

use anyhow::Context;

use crate::{
    cli::RevealArgs,
    commands::{operator_name, say, sql::ask, table},
    service::{RevealAnswer, RevealRequest},
};

pub(crate) async fn run(args: RevealArgs) -> anyhow::Result<()> {
    let request = RevealRequest {
        tenant: args.operator.tenant,
        user_key: args.user_key,
        reason: args.reason,
        revealed_by: operator_name(args.who.as_deref()),
    };
    let answer = ask(&args.operator.admin.data_folder, "/v1/reveal", serde_json::to_string(&request)?).await?;
    let answer: RevealAnswer = serde_json::from_str(&answer).context("the answer cannot be read")?;
    let rows: Vec<[String; 5]> = answer
        .names
        .into_iter()
        .map(|name| [name.display_name, name.email, name.source, name.native_id, name.seen_at])
        .collect();
    table(["NAME", "E-MAIL", "SOURCE", "ID", "HEARD AT"], &rows).iter().for_each(|line| say(line));
    Ok(())
}
