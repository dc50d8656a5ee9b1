//! Draws lines as SVG by hand: axes by the logarithm below, from nothing to the top at the side, a legend. Colours are chosen for light and for
//! dark pages by the page's own preference.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;
/// Marks at the side.
const MARKS: u32 = 5;

/// A picture of several lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) title: String,
    /// What stands at the foot.
    pub(crate) below: String,
    /// What stands at the side.
    pub(crate) beside: String,
    pub(crate) lines: Vec<Line>,
}

/// Points by their place below, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(u64, f64)>,
}

impl Picture {
    /// The picture as text. Places below stand by their logarithm, with 0 one step before the first other one.
    pub(crate) fn svg(&self) -> String {
        let mut places: Vec<u64> = self.lines.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at)).collect();
        places.sort_unstable();
        places.dedup();
        let values = self.lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
        let top = round_up(values.fold(0.0, f64::max));
        let x = |at: u64| LEFT + share(&places, at) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let mut out = String::new();
        // Writing into a String cannot fail.
        write!(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n{STYLE}\n", escaped(&self.title)).ok();
        text(&mut out, "title", LEFT, 24.0, "start", &self.title);
        for mark in 0..=MARKS {
            let value = top * f64::from(mark) / f64::from(MARKS);
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/>",
                WIDTH - RIGHT,
                y(value)
            )
            .ok();
            text(&mut out, "mark", LEFT - 8.0, y(value) + 4.0, "end", &shown(value));
        }
        for place in &places {
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{2:.1}\"/>",
                x(*place),
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 5.0
            )
            .ok();
            text(&mut out, "mark", x(*place), HEIGHT - BOTTOM + 19.0, "middle", &counted(*place));
        }
        text(&mut out, "mark", LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 12.0, "middle", &self.below);
        text(&mut out, "mark", 4.0, TOP - 8.0, "start", &self.beside);
        for (number, line) in self.lines.iter().enumerate() {
            let class = format!("c{}", number % COLOURS);
            let points: Vec<String> =
                line.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
            writeln!(out, "<polyline class=\"line {class}\" points=\"{}\"/>", points.join(" ")).ok();
            for (at, value) in &line.points {
                writeln!(
                    out,
                    "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{}: {}</title></circle>",
                    x(*at),
                    y(*value),
                    counted(*at),
                    shown(*value)
                )
                .ok();
            }
            let beside = TOP + 8.0 + 20.0 * number as f64;
            writeln!(
                out,
                "<rect class=\"dot {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"4\"/>",
                WIDTH - RIGHT + 14.0,
                beside - 6.0
            )
            .ok();
            text(&mut out, "mark", WIDTH - RIGHT + 32.0, beside, "start", &line.name);
        }
        out.push_str("</svg>\n");
        out
    }
}

/// Different colours.
const COLOURS: usize = 6;
const STYLE: &str = "<style>\
text{font-family:system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.mark{font-size:12px}\
.grid{stroke:#8884;stroke-width:1}.line{fill:none;stroke-width:2}\
.c0{stroke:#0969da}.dot.c0{fill:#0969da}.c1{stroke:#bc4c00}.dot.c1{fill:#bc4c00}.c2{stroke:#1a7f37}.dot.c2{fill:#1a7f37}\
.c3{stroke:#8250df}.dot.c3{fill:#8250df}.c4{stroke:#bf3989}.dot.c4{fill:#bf3989}.c5{stroke:#6e7781}.dot.c5{fill:#6e7781}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}\
.c0{stroke:#4493f8}.dot.c0{fill:#4493f8}.c1{stroke:#f0883e}.dot.c1{fill:#f0883e}.c2{stroke:#3fb950}.dot.c2{fill:#3fb950}\
.c3{stroke:#ab7df8}.dot.c3{fill:#ab7df8}.c4{stroke:#f778ba}.dot.c4{fill:#f778ba}.c5{stroke:#9198a1}.dot.c5{fill:#9198a1}}\
</style>";

fn text(out: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    let words = escaped(words);
    writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>").ok();
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Where a place stands between the first and the last.
fn share(places: &[u64], at: u64) -> f64 {
    let least = places.iter().copied().find(|place| *place > 0).unwrap_or(1) as f64;
    let height = |place: u64| if place == 0 { least.log10() - 1.0 } else { (place as f64).log10() };
    let (first, last) = (places.first().copied().unwrap_or(1), places.last().copied().unwrap_or(1));
    let width = height(last) - height(first);
    if width > 0.0 { (height(at) - height(first)) / width } else { 0.5 }
}

/// The next number of one digit (or 1.5, 2.5) that is not less.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let scale = 10f64.powf(value.log10().floor());
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .map(|step| step * scale)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(10.0 * scale)
}

/// A value with as many digits as it needs.
fn shown(value: f64) -> String {
    if value >= 100.0 {
        return counted(value.round() as u64);
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `800`, `20 k`, `10 M`.
pub(crate) fn counted(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 if count.is_multiple_of(1_000) => format!("{} k", count / 1_000),
        1_000_000.. if count.is_multiple_of(1_000_000) => format!("{} M", count / 1_000_000),
        1_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
        _ => format!("{:.1} M", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn_within_the_picture() {
        let points = vec![(0, 0.5), (1_000_000, 1.0), (100_000_000, 1.9)];
        let lines = vec![Line { name: "a < b".into(), points: points.clone() }, Line { name: "c".into(), points }];
        let svg = Picture { title: "t".into(), below: "rows".into(), beside: "µs".into(), lines }.svg();
        let centres: Vec<(f64, f64)> = svg
            .lines()
            .filter(|line| line.starts_with("<circle"))
            .map(|line| {
                let of = |name: &str| line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
                (of("cx").parse().unwrap(), of("cy").parse().unwrap())
            })
            .collect();
        assert_eq!(centres.len(), 6);
        assert!(centres.iter().all(|(x, y)| (LEFT..=WIDTH - RIGHT).contains(x) && (TOP..=HEIGHT - BOTTOM).contains(y)));
        assert!(centres[0].0 < centres[1].0 && centres[0].1 > centres[2].1, "more is further right and higher");
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn the_top_is_a_round_number_that_holds_everything() {
        for (value, top) in [(0.0, 1.0), (0.93, 1.0), (1.01, 1.5), (7.0, 8.0), (42.0, 50.0), (91.0, 100.0)] {
            assert!((round_up(value) - top).abs() < 1e-9, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([800, 20_000, 2_500, 10_000_000].map(counted), ["800", "20 k", "2.5 k", "10 M"]);
        assert_eq!([0.5, 1.0, 0.075, 250_000.0].map(shown), ["0.5", "1", "0.07", "250 k"]);
    }
}
