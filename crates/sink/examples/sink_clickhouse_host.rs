//! The engine of one machine, alone: what `daylight clickhouse-host` does. The tests of this crate spawn it, because they must not wait for the
//! whole binary to be built.

use std::path::PathBuf;
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command says on stderr why it failed")]
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(library) = arguments.next() else {
        eprintln!("usage: sink_clickhouse_host LIBRARY ARGUMENTS…");
        return ExitCode::from(2);
    };
    match store::host::serve(&PathBuf::from(library), arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
