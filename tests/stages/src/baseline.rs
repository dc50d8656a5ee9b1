//! What an event took when somebody looked last: `tests/stages/instructions.tsv`, with the compiler and the libc that made it. Another compiler
//! makes other instructions of the same source, so under another one the figures are shown and nobody is refused.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, ensure};

/// How much more than the baseline is the same: room for what the compiler inlines otherwise after an innocent change elsewhere. From run to run
/// the same binary differs by less than 0.1 %.
const TOLERANCE: f64 = 0.03;

/// The figures, and what they were made by.
#[derive(Debug, PartialEq)]
pub(crate) struct Baseline {
    made_by: String,
    figures: BTreeMap<String, f64>,
}

/// What was counted beside the baseline.
#[derive(Debug)]
pub(crate) struct Compared {
    /// All of it, for people.
    pub(crate) table: String,
    /// What must not be, and what to do.
    pub(crate) flaws: Vec<String>,
}

impl Baseline {
    /// What was counted here and now.
    pub(crate) fn of(counted: &[(&str, f64)]) -> anyhow::Result<Baseline> {
        let figures = counted.iter().map(|(name, instructions)| ((*name).to_owned(), instructions.round())).collect();
        Ok(Baseline { made_by: made_by()?, figures })
    }

    /// The committed one.
    pub(crate) fn read() -> anyhow::Result<Baseline> {
        let text = fs::read_to_string(path()).with_context(|| format!("reading {}", path().display()))?;
        Baseline::parse(&text)
    }

    /// Becomes the committed one.
    pub(crate) fn keep(&self) -> anyhow::Result<()> {
        fs::write(path(), self.text()).with_context(|| format!("writing {}", path().display()))
    }

    fn parse(text: &str) -> anyhow::Result<Baseline> {
        let (first, rest) = text.split_once('\n').context("instructions.tsv is empty")?;
        let made_by = first.strip_prefix("# ").context("instructions.tsv does not say by what it was made")?;
        let figure = |line: &str| -> anyhow::Result<(String, f64)> {
            let (name, count) = line.split_once('\t').with_context(|| format!("instructions.tsv: {line}"))?;
            Ok((name.to_owned(), count.parse()?))
        };
        Ok(Baseline { made_by: made_by.to_owned(), figures: rest.lines().map(figure).collect::<Result<_, _>>()? })
    }

    fn text(&self) -> String {
        let lines = self.figures.iter().map(|(name, count)| format!("{name}\t{count:.0}\n"));
        format!("# {}\n{}", self.made_by, lines.collect::<String>())
    }

    /// Compares what was counted, which was made by what makes things here.
    pub(crate) fn compare(&self, counted: &[(&str, f64)]) -> anyhow::Result<Compared> {
        self.compare_as(counted, &made_by()?)
    }

    fn compare_as(&self, counted: &[(&str, f64)], made_by: &str) -> anyhow::Result<Compared> {
        let (mut table, mut flaws) = (String::new(), Vec::new());
        writeln!(table, "{:<26}{:>12}{:>12}", "instructions an event", "counted", "baseline")?;
        for (name, instructions) in counted {
            let Some(known) = self.figures.get(*name) else {
                flaws.push(format!("{name} is not in the baseline: KEEP=yes writes it"));
                continue;
            };
            let change = instructions / known - 1.0;
            writeln!(table, "{name:<26}{instructions:>12.0}{known:>12.0}{:>8.1} %", change * 100.0)?;
            if change > TOLERANCE {
                flaws.push(format!(
                    "{name} takes {:.1} % more instructions than the baseline. Find out why; if it is meant, `make instructions KEEP=yes` and commit instructions.tsv with the reason",
                    change * 100.0
                ));
            } else if change < -TOLERANCE {
                writeln!(table, "  less than the baseline: `make instructions KEEP=yes` keeps it that way")?;
            }
        }
        if self.made_by != made_by {
            let flaws: Vec<String> = std::mem::take(&mut flaws);
            writeln!(table, "the baseline was made by {}, this by {made_by}: shown, not judged", self.made_by)?;
            flaws.iter().try_for_each(|flaw| writeln!(table, "  {flaw}"))?;
        }
        Ok(Compared { table, flaws })
    }
}

/// The compiler and the libc.
fn made_by() -> anyhow::Result<String> {
    let told = |program: &str, word: &str| -> anyhow::Result<String> {
        let done =
            Command::new(program).arg(word).output().with_context(|| format!("asking {program} for its version"))?;
        ensure!(done.status.success(), "{program} does not tell its version");
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    };
    Ok(format!("{}, {}", told("rustc", "--version")?, told("getconf", "GNU_LIBC_VERSION")?))
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.tsv")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        Baseline::parse("# rustc 1, glibc 2\ndecode\t1000\nobserve\t200\n").unwrap()
    }

    #[test]
    fn the_committed_baseline_can_be_read_and_comes_back_as_it_was() {
        let committed = fs::read_to_string(path()).unwrap();
        assert_eq!(Baseline::parse(&committed).unwrap().text(), committed);
        assert!(Baseline::parse("decode\t1000\n").is_err());
    }

    #[test]
    fn more_than_the_tolerance_is_refused_and_less_is_not() {
        let flaws = |decode: f64| {
            let counted = [("decode", decode), ("observe", 200.0)];
            baseline().compare_as(&counted, "rustc 1, glibc 2").unwrap().flaws
        };
        assert!(flaws(1_029.0).is_empty() && flaws(500.0).is_empty());
        let refused = flaws(1_031.0);
        assert!(refused.len() == 1 && refused[0].starts_with("decode takes 3.1 % more"), "{refused:?}");
    }

    #[test]
    fn what_nobody_knew_is_refused() {
        let counted = [("another", 1.0)];
        assert_eq!(baseline().compare_as(&counted, "rustc 1, glibc 2").unwrap().flaws.len(), 1);
    }

    #[test]
    fn another_compiler_is_not_judged() {
        let compared = baseline().compare_as(&[("decode", 2_000.0)], "rustc 2, glibc 2").unwrap();
        assert!(compared.flaws.is_empty());
        assert!(compared.table.contains("decode takes 100.0 % more"), "{}", compared.table);
    }
}
