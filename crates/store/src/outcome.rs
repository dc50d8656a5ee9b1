//! What became of an insert, read from the server's answer. A pure function, because everything that the promise of exactly once rests
//! on is decided here.
//!
//! There are three ends and no fourth. *Clean*: stored. *Refused*: by these numbers the server said that the block, or a value in it,
//! will never be stored, and that nothing of it was. *Ambiguous*: everything else, whatever it is called. An unknown number is ambiguous,
//! because taking a passing trouble for a refusal loses a row, and taking a refusal for a passing trouble only delays it.

use crate::Remedy;

/// Characters of the server's words that are kept.
const MESSAGE_CHARS_MAX: usize = 500;

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
    /// Every row is stored (or was before, under the same token).
    Clean,
    /// No row is stored, and none will be if the same block is sent again.
    Refused(Refusal),
    /// Nobody knows. Send the same block with the same token again until it is clean, then read back what is there.
    Ambiguous {
        /// ClickHouse's number of the exception; 0 when there was no answer.
        code: u32,
        /// What happened.
        reason: String,
    },
}

/// Why a block will not be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// ClickHouse's number of the exception.
    pub code: u32,
    /// Its words, cut.
    pub message: String,
    /// `Reject`: a value in it is refused, so find the row and leave it out. `Halt`: no block of this shape passes (a table or column is
    /// missing, the account may not write), so leaving rows out would lose them all.
    pub remedy: Remedy,
}

/// A value is refused: another row may pass. Numbers of ClickHouse's `ErrorCodes.cpp`.
const VALUE_REFUSED: &[u32] = &[
    6,   // CANNOT_PARSE_TEXT: a constraint that reads a text
    38,  // CANNOT_PARSE_DATE
    41,  // CANNOT_PARSE_DATETIME
    69,  // ARGUMENT_OUT_OF_BOUND
    72,  // CANNOT_PARSE_NUMBER
    128, // TOO_LARGE_ARRAY_SIZE
    131, // TOO_LARGE_STRING_SIZE
    153, // ILLEGAL_DIVISION
    321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    395, // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: a constraint that throws
    407, // DECIMAL_OVERFLOW
    469, // VIOLATED_CONSTRAINT
    691, // UNKNOWN_ELEMENT_OF_ENUM
];

/// The block is refused, whatever its values are.
const BLOCK_REFUSED: &[u32] = &[
    8,   // THERE_IS_NO_COLUMN
    10,  // NOT_FOUND_COLUMN_IN_BLOCK
    16,  // NO_SUCH_COLUMN_IN_TABLE
    20,  // NUMBER_OF_COLUMNS_DOESNT_MATCH
    44,  // ILLEGAL_COLUMN
    47,  // UNKNOWN_IDENTIFIER
    50,  // UNKNOWN_TYPE
    53,  // TYPE_MISMATCH
    60,  // UNKNOWN_TABLE
    62,  // SYNTAX_ERROR
    70,  // CANNOT_CONVERT_TYPE
    81,  // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    117, // INCORRECT_DATA
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    194, // REQUIRED_PASSWORD
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
];

/// Passing troubles whose words tell of the server and never of a row, so that they may stand in a log.
const TELLING: &[u32] = &[
    159, // TIMEOUT_EXCEEDED
    160, // TOO_SLOW
    164, // READONLY
    201, // QUOTA_EXCEEDED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    243, // NOT_ENOUGH_SPACE
    252, // TOO_MANY_PARTS
    319, // UNKNOWN_STATUS_OF_INSERT
    394, // QUERY_WAS_CANCELLED
    999, // KEEPER_EXCEPTION
];

/// What an answer means. `code` is the header `X-ClickHouse-Exception-Code`; without one the number is read from the words
/// (`Code: 60. DB::Exception: …`). Only an answer of 200 without any exception is clean.
#[must_use]
pub fn classify(status: u16, code: Option<u32>, body: &str) -> InsertOutcome {
    let code = code.or_else(|| exception_code(body));
    match code {
        None if status == 200 => InsertOutcome::Clean,
        Some(code) if VALUE_REFUSED.contains(&code) => refused(code, body, Remedy::Reject),
        Some(code) if BLOCK_REFUSED.contains(&code) => refused(code, body, Remedy::Halt),
        _ => InsertOutcome::Ambiguous {
            code: code.unwrap_or(0),
            reason: format!("the server answered {status}: {}", shown(code, body)),
        },
    }
}

/// The number in `Code: 60. DB::Exception: …`.
pub(crate) fn exception_code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    let (digits, rest) = rest.split_once('.')?;
    if !rest.trim_start().starts_with("DB::") {
        return None;
    }
    digits.parse().ok()
}

/// Text of the server, cut to what a log line can bear.
pub(crate) fn cut(text: &str) -> String {
    text.trim().chars().take(MESSAGE_CHARS_MAX).collect()
}

fn refused(code: u32, body: &str, remedy: Remedy) -> InsertOutcome {
    let message = if remedy == Remedy::Halt { cut(body) } else { named(body) };
    InsertOutcome::Refused(Refusal { code, message, remedy })
}

/// What may be shown of an answer. An exception that nobody has listed may quote the value that it is about.
fn shown(code: Option<u32>, body: &str) -> String {
    match code {
        Some(code) if !TELLING.contains(&code) => named(body),
        _ => cut(body),
    }
}

/// The name of an exception alone, which its words end with: `… (CANNOT_PARSE_UUID) (version 26.7.1)`.
fn named(body: &str) -> String {
    let is_name = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let mut names = body.split('(').filter_map(|part| part.split_once(')')).map(|(name, _)| name);
    let name = names.rfind(is_name).unwrap_or("an exception without a name");
    format!("{} (its words may quote a row and are not shown)", cut(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_may_quote_a_row_are_not_shown() {
        let words = "Code: 376. DB::Exception: Cannot parse uuid ann@example.com: while executing. (CANNOT_PARSE_UUID) (version 26.7.1.1 (official build))";
        let InsertOutcome::Ambiguous { code: 376, reason } = classify(500, Some(376), words) else {
            unreachable!("nobody has listed 376")
        };
        assert!(reason.contains("CANNOT_PARSE_UUID") && !reason.contains("ann@example.com"), "{reason}");
        let violated = "Code: 469. DB::Exception: Constraint `c` for table t is violated at row 1. Column values: app = 'Notes'. (VIOLATED_CONSTRAINT) (version 26.7)";
        let InsertOutcome::Refused(refusal) = classify(500, Some(469), violated) else { unreachable!("469 refuses") };
        assert!(refusal.message.starts_with("VIOLATED_CONSTRAINT") && !refusal.message.contains("Notes"));
        let full =
            "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE) (version 26.7)";
        let InsertOutcome::Ambiguous { reason, .. } = classify(500, Some(243), full) else {
            unreachable!("a full disk passes")
        };
        assert!(reason.contains("Cannot reserve 1.00 MiB"), "{reason}");
    }

    #[derive(Debug, PartialEq)]
    enum End {
        Clean,
        Reject(u32),
        Halt(u32),
        Ambiguous(u32),
    }

    fn end(outcome: InsertOutcome) -> End {
        match outcome {
            InsertOutcome::Clean => End::Clean,
            InsertOutcome::Refused(Refusal { code, remedy: Remedy::Reject, .. }) => End::Reject(code),
            InsertOutcome::Refused(refusal) => End::Halt(refusal.code),
            InsertOutcome::Ambiguous { code, .. } => End::Ambiguous(code),
        }
    }

    #[test]
    fn only_what_the_server_will_never_take_is_refused() {
        let cases: &[(u16, Option<u32>, &str, End)] = &[
            (200, None, "", End::Clean),
            (500, Some(469), "Code: 469. DB::Exception: Constraint", End::Reject(469)),
            (500, Some(395), "", End::Reject(395)),
            (500, None, "Code: 469. DB::Exception: without the header", End::Reject(469)),
            (404, Some(60), "Code: 60. DB::Exception: Unknown table", End::Halt(60)),
            (500, Some(53), "Code: 53. DB::Exception: Type mismatch", End::Halt(53)),
            (403, Some(516), "", End::Halt(516)),
            // Trouble that passes.
            (500, Some(241), "Code: 241. DB::Exception: Memory limit", End::Ambiguous(241)),
            (500, Some(252), "Code: 252. DB::Exception: Too many parts", End::Ambiguous(252)),
            (500, Some(243), "Code: 243. DB::Exception: Cannot reserve", End::Ambiguous(243)),
            (503, None, "", End::Ambiguous(0)),
            (502, None, "<html>Bad Gateway</html>", End::Ambiguous(0)),
            (500, Some(99_999), "a number of tomorrow", End::Ambiguous(99_999)),
            // A status of success with an exception in it, or without one that we know.
            (200, Some(241), "", End::Ambiguous(241)),
            (200, None, "Code: 241. DB::Exception: Memory limit", End::Ambiguous(241)),
            (202, None, "", End::Ambiguous(0)),
            (204, None, "", End::Ambiguous(0)),
            // Words that only look like an exception.
            (500, None, "Code: 60 apples", End::Ambiguous(0)),
        ];
        for (status, code, body, expected) in cases {
            assert_eq!(end(classify(*status, *code, body)), *expected, "{status} {code:?} {body}");
        }
    }

    /// All of them, and not some drawn by chance.
    #[test]
    fn of_all_statuses_and_numbers_only_200_without_a_number_is_clean_and_only_known_numbers_are_refused() {
        for status in 100..=599 {
            assert_eq!(end(classify(status, None, "")) == End::Clean, status == 200, "{status}");
            for code in (0..2_000).chain([u32::MAX]) {
                let expected = match code {
                    code if VALUE_REFUSED.contains(&code) => End::Reject(code),
                    code if BLOCK_REFUSED.contains(&code) => End::Halt(code),
                    code => End::Ambiguous(code),
                };
                assert_eq!(end(classify(status, Some(code), "")), expected, "{status} {code}");
            }
        }
    }

    #[test]
    fn the_two_lists_share_no_number_and_are_sorted() {
        for list in [VALUE_REFUSED, BLOCK_REFUSED] {
            assert!(list.is_sorted());
        }
        assert!(VALUE_REFUSED.iter().all(|code| !BLOCK_REFUSED.contains(code)));
    }

    #[test]
    fn the_server_s_words_are_cut() {
        assert_eq!(cut(&"ä".repeat(2_000)).chars().count(), MESSAGE_CHARS_MAX);
    }
}
