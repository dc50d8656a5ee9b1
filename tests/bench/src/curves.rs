//! `bench draw`: the curves of a report as pictures in docs/performance, and beside them the part of the report that they were drawn from.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, ensure};

use crate::{
    report::{Report, Run, default_path},
    svg::{Line, Picture},
};

/// A figure of a run, and what it is called.
type Figure = (&'static str, fn(&Run) -> Option<f64>);

/// What stands on a picture of a curve.
struct Words {
    curve: &'static str,
    title: &'static str,
    below: &'static str,
    /// What is drawn of a run, and what it is called. Events a second where what matters is how many get through.
    figures: &'static [Figure],
    beside: &'static str,
}

const COST: &[Figure] = &[("total", total), ("client", client)];
const CLIENT: &[Figure] = &[("", client)];
const RATE: &[Figure] = &[("", rate)];
const BESIDE: &str = "µs / event";

const PICTURES: &[Words] = &[
    Words {
        curve: "apps",
        title: "Cost of an event as apps grow",
        below: "apps that people choose from",
        figures: COST,
        beside: BESIDE,
    },
    Words { curve: "people", title: "Cost of an event as people grow", below: "people", figures: COST, beside: BESIDE },
    Words {
        curve: "tenants",
        title: "Cost of an event as tenants grow",
        below: "tenants among 100,000 people",
        figures: COST,
        beside: BESIDE,
    },
    Words {
        curve: "history",
        title: "Cost of an event as the table grows",
        below: "rows in the table before",
        figures: COST,
        beside: BESIDE,
    },
    Words {
        curve: "pairs",
        title: "Detection engine alone as pairs grow",
        below: "known pairs of app and person",
        figures: CLIENT,
        beside: BESIDE,
    },
    Words {
        curve: "partitions",
        title: "Events a second by partitions, one process",
        below: "partitions",
        figures: RATE,
        beside: "events / s",
    },
    Words {
        curve: "processes",
        title: "Events a second by processes, four partitions",
        below: "processes",
        figures: RATE,
        beside: "events / s",
    },
];

fn total(run: &Run) -> Option<f64> {
    run.cpu_us_per_event.map(|cost| cost.total)
}

fn client(run: &Run) -> Option<f64> {
    run.cpu_us_per_event.map(|cost| cost.client)
}

fn rate(run: &Run) -> Option<f64> {
    run.events_per_second
}

/// Draws every curve of `target/bench.json` that has at least two points.
pub(crate) fn draw() -> anyhow::Result<()> {
    let from = match std::env::var_os("BENCH_JSON") {
        Some(named) => PathBuf::from(named),
        None => default_path()?,
    };
    let report = Report::read(&from)?;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance");
    fs::create_dir_all(&folder).context("making docs/performance")?;
    let mut drawn = Vec::new();
    for words in PICTURES {
        let Some(picture) = picture(words, &report) else {
            println!("{}: less than two points, not drawn", words.curve);
            continue;
        };
        let path = folder.join(format!("{}.svg", words.curve));
        fs::write(&path, picture.svg()).with_context(|| format!("writing {}", path.display()))?;
        println!("drawn: {}", path.display());
        drawn.push(words.curve);
    }
    ensure!(!drawn.is_empty(), "{} holds no curve: `make bench CASE=curve` measures them", from.display());
    // What was drawn, so that anybody can look the points up: a curve is run once, so its median is its minimum.
    let runs = report.runs.into_iter().filter(|run| is_of(run, &drawn));
    let kept = Report { runs: runs.collect(), ratios: Vec::new(), ..report };
    let path = folder.join("curves.json");
    fs::write(&path, serde_json::to_string_pretty(&kept)? + "\n").with_context(|| format!("writing {}", path.display()))
}

fn is_of(run: &Run, drawn: &[&str]) -> bool {
    run.name.ends_with("minimum") && run.point.as_ref().is_some_and(|point| drawn.contains(&point.curve.as_str()))
}

/// One line for each figure of each line of a curve.
fn picture(words: &Words, report: &Report) -> Option<Picture> {
    let of_curve = |run: &&Run| run.verified && is_of(run, &[words.curve]);
    let mut lines: Vec<Line> = Vec::new();
    for run in report.runs.iter().filter(of_curve) {
        let point = run.point.as_ref()?;
        for (figure, of) in words.figures {
            let name = format!("{} {figure}", point.line).trim_end().to_owned();
            let value = (point.at, of(run)?);
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(value),
                None => lines.push(Line { name, points: vec![value] }),
            }
        }
    }
    lines.iter_mut().for_each(|line| line.points.sort_unstable_by_key(|(at, _)| *at));
    let load = report.machine.load_before;
    let title = format!("{} ({}, load {load:.1})", words.title, report.commit);
    let is_curve = lines.iter().any(|line| line.points.len() > 1);
    let (below, beside) = (words.below.to_owned(), words.beside.to_owned());
    is_curve.then_some(Picture { title, below, beside, lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::cases;

    #[test]
    fn every_curve_that_is_measured_is_drawn() {
        for case in cases() {
            let Some(point) = case.point else { continue };
            assert!(PICTURES.iter().any(|words| words.curve == point.curve), "{}", point.curve);
        }
    }
}
