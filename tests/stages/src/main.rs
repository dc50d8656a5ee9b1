//! `make instructions`: how many instructions an event takes in each stage of pure code and in the parsers, beside the committed baseline.
//!
//! ```text
//! instructions                    counts everything and compares it with tests/stages/instructions.tsv
//! instructions keep               makes what was counted the baseline
//! instructions alone STAGE TURNS  does the work of a stage so often: what callgrind watches
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise, counts in fractions and prints what it saw"
)]

mod baseline;
mod instructions;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => instructions::run(false),
        ["keep"] => instructions::run(true),
        ["alone", stage, turns] => instructions::work(stage, turns.parse()?),
        _ => bail!("nobody knows what to do with {words:?}: `instructions`, or `instructions keep`"),
    }
}
