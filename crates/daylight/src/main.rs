//! The binary: one role per subcommand, and the commands of people.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.

mod cli;
mod commands;
mod config;
mod data_folder;
mod service;

use std::process::ExitCode;

use clap::Parser;
use event::AliasAction;

use cli::{Cli, Command, ConnectionsCommand, LedgerCommand, RunArgs};
use service::{ALL_ROLES, BadConfig, Role};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<BadConfig>() => {
            commands::complain(&error);
            ExitCode::from(2)
        }
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => serve(&args, ALL_ROLES),
        Command::Ingest(args) => serve(&args, &[Role::Ingest]),
        Command::Detect(args) => serve(&args, &[Role::Detect]),
        Command::Sink(args) => serve(&args, &[Role::Sink]),
        Command::Notify(args) => serve(&args, &[Role::Notify]),
        Command::Demo(args) => block_on(commands::demo::run(args)),
        Command::Parse(args) => commands::parse::run(&args),
        Command::Replay(args) => block_on(commands::replay::run(args)),
        Command::Init(args) => commands::init::run(&args),
        Command::Connections(ConnectionsCommand::List(args)) => commands::connections::list(&args),
        Command::Connections(ConnectionsCommand::Check(args)) => block_on(commands::connections::check(args)),
        Command::Backfill(args) => block_on(commands::backfill::run(args)),
        Command::Connections(ConnectionsCommand::Status(args)) => block_on(commands::connections::status(args)),
        Command::Connections(ConnectionsCommand::Fill(args)) => block_on(commands::connections::fill(args)),
        Command::Apps(args) => block_on(commands::apps::run(args)),
        Command::Decide(args) => block_on(commands::decide::run(args)),
        Command::Merge(args) => block_on(commands::merge::run(args, AliasAction::Merge)),
        Command::Split(args) => block_on(commands::merge::run(args, AliasAction::Split)),
        Command::Reveal(args) => block_on(commands::reveal::run(args)),
        Command::Reload(args) => block_on(commands::reload::run(args)),
        Command::Verify(args) => block_on(commands::verify::run(args)),
        Command::Redrive(args) => block_on(commands::redrive::run(args)),
        Command::Reconcile(args) => block_on(commands::reconcile::run(args)),
        Command::Ledger(LedgerCommand::Hash(args)) => block_on(commands::ledger::hash(args)),
        Command::Ledger(LedgerCommand::Rebuild(args)) => block_on(commands::ledger::rebuild(args)),
        Command::Ledger(LedgerCommand::Repartition(args)) => commands::ledger::repartition(&args),
        Command::Sql(args) => block_on(commands::sql::run(args)),
        Command::Health(args) => block_on(commands::health::run(args)),
        Command::CheckConfig(args) => commands::check_config::run(&args),
        Command::ClickhouseHost(args) => commands::clickhouse_host::run(args),
    }
}

fn serve(args: &RunArgs, roles: &[Role]) -> anyhow::Result<()> {
    let config = service::prepare(args.config.as_deref())?;
    block_on(service::run(config, roles))
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
