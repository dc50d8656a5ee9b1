//! Tables for the terminal. What they show was chosen by others (an app's maker names it), so it is made harmless first.

/// Characters of one cell; longer texts end in `…`.
const CELL_CHARS_MAX: usize = 48;

/// A text without what would steer a terminal or turn the order of its letters.
pub(crate) fn plain(text: &str) -> String {
    let is_harmless = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_harmless(&c) { c } else { '\u{fffd}' }).collect()
}

/// Lines of a table: a head, and rows of as many cells. Numbers are set to the right.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let head = head.map(str::to_owned);
    let all: Vec<[String; N]> =
        std::iter::once(&head).chain(rows).map(|row| row.clone().map(|cell| cut(&plain(&cell)))).collect();
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["Slack".to_owned(), "12".to_owned()], ["Zoë's board".to_owned(), "7".to_owned()]];
        assert_eq!(
            table(["APP", "PEOPLE"], &rows),
            ["APP          PEOPLE", "Slack            12", "Zoë's board       7"]
        );
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let rows = [["\u{1b}[2J\u{202e}kcalS\n".to_owned()], ["x".repeat(CELL_CHARS_MAX + 1)]];
        let lines = table(["APP"], &rows);
        assert_eq!(lines[1], "\u{fffd}[2J\u{fffd}kcalS\u{fffd}");
        assert_eq!(lines[2].chars().count(), CELL_CHARS_MAX);
    }
}
