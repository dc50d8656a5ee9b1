//! Who works in which department, from when to when: a table read from CSV text and swapped whole.
//!
//! People are pseudonyms here as everywhere: e-mails are turned into `user_key` while the text is read, and no e-mail is kept, not even in
//! an error. Departments are looked up by the time of the event, so that a person who moved is counted where they were.

use event::{Source, TenantKey, Timestamp, UserKey};
use hashbrown::HashMap;

/// Lines that a directory may have: more than the largest employer has people, with their moves.
const LINES_MAX: usize = 10_000_000;
/// Bytes that the name of a department may have.
const DEPARTMENT_BYTES_MAX: usize = 200;
/// Departments that a tenant may have: each becomes a label in queries.
const DEPARTMENTS_MAX: usize = 50_000;
/// Hexadecimal digits of a directory's version.
const VERSION_DIGITS: usize = 16;

/// A line of the directory that cannot be read. The directory is refused as a whole, and the one before stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "reading the directory: line {line}: {problem}; the directory was not taken over, correct the line and load it again"
)]
pub struct DirectoryError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it, without the person's name.
    pub problem: String,
}

/// One person in one department, from a time (inclusive) to a time (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval {
    from: Timestamp,
    to: Timestamp,
    department: u32,
    line: u64,
}

/// The departments of a tenant's people.
#[derive(Clone, Debug)]
pub struct Directory {
    version: String,
    departments: Vec<String>,
    people: HashMap<UserKey, Vec<Interval>>,
}

impl Default for Directory {
    /// A directory that knows nobody, of the version `none`.
    fn default() -> Directory {
        Directory { version: "none".to_owned(), departments: Vec::new(), people: HashMap::new() }
    }
}

/// Where the columns stand.
struct Columns {
    email: Option<usize>,
    user_key: Option<usize>,
    department: usize,
    valid_from: Option<usize>,
    valid_to: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Columns, DirectoryError> {
        let at = |name: &str| header.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
        let error = |problem: &str| DirectoryError { line: 1, problem: problem.to_owned() };
        let department = at("department").ok_or_else(|| error("the column `department` is missing"))?;
        let columns = Columns {
            email: at("email"),
            user_key: at("user_key"),
            department,
            valid_from: at("valid_from"),
            valid_to: at("valid_to"),
        };
        if columns.email.is_none() && columns.user_key.is_none() {
            return Err(error("a column `email` or `user_key` is missing"));
        }
        Ok(columns)
    }

    fn text(record: &csv::StringRecord, at: Option<usize>) -> &str {
        at.and_then(|at| record.get(at)).unwrap_or_default().trim()
    }
}

impl Directory {
    /// Reads CSV text with a header: `department`, `email` or `user_key` (hexadecimal), and optionally `valid_from` (inclusive) and
    /// `valid_to` (exclusive) as `2026-03-01` or RFC 3339; a missing border is open.
    ///
    /// # Errors
    /// The first line that cannot be read, or whose interval overlaps another of the same person.
    pub fn parse(text: &str, key: &TenantKey) -> Result<Directory, DirectoryError> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let columns = Columns::of(reader.headers().map_err(|error| csv_error(&error))?)?;
        let mut directory = Directory { version: version(text), ..Directory::default() };
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| csv_error(&error))?;
            let line = record.position().map_or(0, |position| line_of(text, position));
            directory.add(&record, &columns, line, key, &mut numbers)?;
        }
        for intervals in directory.people.values_mut() {
            intervals.sort_unstable_by_key(|interval| interval.from);
            let mut pairs = intervals.iter().zip(intervals.iter().skip(1));
            if let Some((first, second)) = pairs.find(|(first, second)| first.to > second.from) {
                let (line, other) = (first.line.max(second.line), first.line.min(second.line));
                return Err(DirectoryError { line, problem: format!("overlaps line {other}, of the same person") });
            }
        }
        Ok(directory)
    }

    /// A short hash of the text, in hexadecimal; `none` for no directory.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many people it knows.
    #[must_use]
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// Does anybody ever work in a department of that name?
    #[must_use]
    pub fn has_department(&self, name: &str) -> bool {
        self.departments.iter().any(|department| department == name)
    }

    /// The person's department at that time; empty when not known.
    #[must_use]
    pub fn department_at(&self, user_key: UserKey, at: Timestamp) -> &str {
        let intervals = self.people.get(&user_key).map(Vec::as_slice).unwrap_or_default();
        let found = intervals.iter().find(|interval| interval.from <= at && at < interval.to);
        found.and_then(|interval| self.departments.get(interval.department as usize)).map_or("", String::as_str)
    }

    fn add(
        &mut self,
        record: &csv::StringRecord,
        columns: &Columns,
        line: u64,
        key: &TenantKey,
        numbers: &mut HashMap<String, u32>,
    ) -> Result<(), DirectoryError> {
        let error = |problem: String| DirectoryError { line, problem };
        if line > LINES_MAX as u64 {
            return Err(error(format!("more than {LINES_MAX} lines")));
        }
        let person = person(record, columns, key).map_err(error)?;
        let department = Columns::text(record, Some(columns.department));
        if department.is_empty() {
            return Err(error("the department is missing".to_owned()));
        }
        if department.len() > DEPARTMENT_BYTES_MAX {
            return Err(error(format!("the department is longer than {DEPARTMENT_BYTES_MAX} bytes")));
        }
        let from = border(Columns::text(record, columns.valid_from), i64::MIN).map_err(error)?;
        let to = border(Columns::text(record, columns.valid_to), i64::MAX).map_err(error)?;
        if from >= to {
            return Err(error("valid_from is not before valid_to".to_owned()));
        }
        let number = match numbers.get(department) {
            Some(number) => *number,
            None => {
                if self.departments.len() >= DEPARTMENTS_MAX {
                    return Err(error(format!("more than {DEPARTMENTS_MAX} departments")));
                }
                let number = u32::try_from(self.departments.len()).unwrap_or(u32::MAX);
                self.departments.push(department.to_owned());
                numbers.insert(department.to_owned(), number);
                number
            }
        };
        self.people.entry(person).or_default().push(Interval { from, to, department: number, line });
        Ok(())
    }
}

/// The pseudonym of the line's person.
fn person(record: &csv::StringRecord, columns: &Columns, key: &TenantKey) -> Result<UserKey, String> {
    let (email, user_key) = (Columns::text(record, columns.email), Columns::text(record, columns.user_key));
    if !user_key.is_empty() {
        let person = UserKey::parse(user_key).filter(|person| person.is_some());
        return person.ok_or_else(|| "user_key is not 16 hexadecimal digits".to_owned());
    }
    if !email.contains('@') {
        return Err("email is missing, or holds no @".to_owned());
    }
    // The source does not enter the pseudonym of an e-mail.
    Ok(key.person(email, Source::Mapped, ""))
}

/// A date (its beginning in UTC) or a time; a missing one is open.
fn border(text: &str, open: i64) -> Result<Timestamp, String> {
    if text.is_empty() {
        return Ok(Timestamp(open));
    }
    let of_date = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    let time = text.parse::<jiff::Timestamp>().ok().or_else(of_date);
    time.map(|time| Timestamp(time.as_millisecond()))
        .ok_or_else(|| format!("`{text}` is neither a date (2026-03-01) nor a time (2026-03-01T00:00:00Z)"))
}

/// The line that a record stands in: its position is that of the empty lines before it, if there are any.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).filter(|byte| **byte == b'\n').count();
    position.line().saturating_add(empty as u64)
}

fn csv_error(error: &csv::Error) -> DirectoryError {
    let line = error.position().map_or(0, csv::Position::line);
    DirectoryError { line, problem: "is no CSV in UTF-8".to_owned() }
}

fn version(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(VERSION_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TenantKey = TenantKey::new([7; 32]);

    fn person(email: &str) -> UserKey {
        KEY.person(email, Source::Okta, "")
    }

    #[test]
    fn a_department_is_looked_up_by_the_time_of_the_event() {
        let text = "email,department,valid_from,valid_to\n\
            Ada@example.com,Sales,,2026-03-01\n\
            ada@example.com,\"Research, Basic\",2026-03-01,\n\
            bob@example.com,Sales,2026-01-01T12:00:00Z,2026-02-01\n";
        let directory = Directory::parse(text, &KEY).unwrap();
        let march = 1_772_323_200_000;
        assert_eq!(directory.department_at(person("ada@example.com"), Timestamp(march - 1)), "Sales");
        assert_eq!(directory.department_at(person("ada@example.com"), Timestamp(march)), "Research, Basic");
        assert_eq!(directory.department_at(person("bob@example.com"), Timestamp(march)), "");
        assert_eq!(directory.department_at(person("nobody@example.com"), Timestamp(march)), "");
        assert_eq!(directory.people(), 2);
        assert_eq!(directory.version().len(), VERSION_DIGITS);
    }

    #[test]
    fn a_person_may_be_named_by_their_pseudonym() {
        let text = format!("department,user_key\nSales,{}\n", person("ada@example.com"));
        let directory = Directory::parse(&text, &KEY).unwrap();
        assert_eq!(directory.department_at(person("ada@example.com"), Timestamp(1)), "Sales");
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_not_by_its_person() {
        let long = format!("email,department\na@b.c,{}\n", "x".repeat(DEPARTMENT_BYTES_MAX + 1));
        for (text, line) in [
            ("email\na@b.c\n", 1),
            ("department\nSales\n", 1),
            ("email,department\nsecret,Sales\n", 2),
            ("email,department\na@b.c,Sales\na@b.c,\n", 3),
            ("email,department,valid_from\na@b.c,Sales,31/12/2026\n", 2),
            ("email,department,valid_from\na@b.c,Sales,2026-02-30\n", 2),
            ("email,department,valid_from,valid_to\na@b.c,Sales,2026-03-01,2026-03-01\n", 2),
            ("email,department\na@b.c,Sales\nA@b.c,Legal\n", 3),
            ("user_key,department\n\n\r\n12,Sales\n", 4),
            (&long, 2),
        ] {
            let error = Directory::parse(text, &KEY).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(!error.to_string().contains("secret") && !error.to_string().contains("a@b.c"), "{error}");
        }
    }

    #[test]
    fn lines_and_departments_have_a_limit() {
        let long = format!("email,department\n{}a@b.c,Sales\n", "\n".repeat(LINES_MAX));
        assert!(Directory::parse(&long, &KEY).unwrap_err().problem.contains("lines"));
        let rows: String = (0..=DEPARTMENTS_MAX).map(|number| format!("p{number}@b.c,D{number}\n")).collect();
        let error = Directory::parse(&format!("email,department\n{rows}"), &KEY).unwrap_err();
        assert!(error.problem.contains("departments"), "{error}");
    }
}
