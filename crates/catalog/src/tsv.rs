//! Lines of tab-separated text: the form of every data file, because a line can be reviewed, sorted and blamed on its own.

use crate::CatalogueError;

/// Lines that a data file may have. Our largest has a few thousand; a file of the wrong kind should be refused, not read to its end.
const LINES_MAX: usize = 200_000;

/// One line that is neither empty nor a comment.
pub(crate) struct Line<'a> {
    file: &'a str,
    number: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// The columns: exactly `N`, trimmed; columns at the end may be left out and are empty then.
    pub(crate) fn columns<const N: usize>(&self) -> Result<[&'a str; N], CatalogueError> {
        let mut columns = [""; N];
        for (index, text) in self.text.split('\t').enumerate() {
            let Some(column) = columns.get_mut(index) else {
                return Err(self.error(format!("has more than {N} columns")));
            };
            *column = text.trim();
        }
        Ok(columns)
    }

    /// The line as one value.
    pub(crate) fn value(&self) -> &'a str {
        self.text.trim()
    }

    /// An error about this line.
    pub(crate) fn error(&self, problem: impl Into<String>) -> CatalogueError {
        CatalogueError { file: self.file.to_owned(), line: self.number, problem: problem.into() }
    }
}

/// The lines of a data file; those that are empty or begin with `#` are left out.
pub(crate) fn lines<'a>(file: &'a str, text: &'a str) -> Result<Vec<Line<'a>>, CatalogueError> {
    let mut lines = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let number = index.saturating_add(1);
        if number > LINES_MAX {
            let problem = format!("more than {LINES_MAX} lines");
            return Err(CatalogueError { file: file.to_owned(), line: number, problem });
        }
        if !text.trim().is_empty() && !text.starts_with('#') {
            lines.push(Line { file, number, text });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_knows_its_number_and_its_columns() {
        let lines = lines("apps.tsv", "# comment\n\na\tb\n").unwrap();
        let [a, b, c] = lines.first().unwrap().columns::<3>().unwrap();
        assert_eq!((a, b, c), ("a", "b", ""));
        assert_eq!(lines.first().unwrap().columns::<1>().unwrap_err().line, 3);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let text = "a\n".repeat(LINES_MAX + 1);
        assert_eq!(lines("apps.tsv", &text).err().unwrap().line, LINES_MAX + 1);
    }
}
