//! Splits a file of SQL into its statements: the server takes one at a time.

/// The statements of a text, without the semicolons that end them. Semicolons in quotes and in comments end nothing; what holds only
/// space and comments is no statement.
pub(crate) fn statements(sql: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut has_content = false;
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let token = token(rest);
        match token {
            Token::End => {
                statements.extend(sql.get(start..at).map(str::trim).filter(|_| has_content));
                start = at + 1;
                has_content = false;
            }
            Token::Content(_) => has_content = true,
            Token::Nothing(_) => {}
        }
        at += token.bytes();
    }
    statements.extend(sql.get(start..).map(str::trim).filter(|_| has_content));
    statements
}

/// The next piece of a text, with its length in bytes.
enum Token {
    /// A semicolon that ends a statement.
    End,
    /// Part of a statement; a quoted text is one piece.
    Content(usize),
    /// Space or comment.
    Nothing(usize),
}

impl Token {
    fn bytes(&self) -> usize {
        match self {
            Token::End => 1,
            Token::Content(bytes) | Token::Nothing(bytes) => *bytes,
        }
    }
}

fn token(rest: &str) -> Token {
    if rest.starts_with("--") {
        return Token::Nothing(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Token::Nothing(rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    match rest.chars().next() {
        Some(';') => Token::End,
        Some(quote @ ('\'' | '"' | '`')) => Token::Content(quoted_bytes(rest, quote)),
        Some(char) if char.is_whitespace() => Token::Nothing(char.len_utf8()),
        Some(char) => Token::Content(char.len_utf8()),
        None => Token::Nothing(0),
    }
}

/// Bytes of a quoted text with its quotes. A doubled quote needs no care here: it is an end and a new beginning.
fn quoted_bytes(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement_only_outside_quotes_and_comments() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" ; ;\n", &[]),
            ("-- only words; no statement\n", &[]),
            ("SELECT 1", &["SELECT 1"]),
            ("SELECT 1; SELECT 2;\n", &["SELECT 1", "SELECT 2"]),
            ("SELECT ';' AS a; SELECT 2", &["SELECT ';' AS a", "SELECT 2"]),
            ("SELECT 'it''s; so'; SELECT `a;b`, \"c;d\"", &["SELECT 'it''s; so'", "SELECT `a;b`, \"c;d\""]),
            (r"SELECT 'a\';b'; SELECT 2", &[r"SELECT 'a\';b'", "SELECT 2"]),
            ("SELECT 1 -- one; more\n; SELECT 2", &["SELECT 1 -- one; more", "SELECT 2"]),
            ("SELECT /* ; */ 1; /* ; */ SELECT 2", &["SELECT /* ; */ 1", "/* ; */ SELECT 2"]),
            ("SELECT 'ä;ö'; SELECT 'open", &["SELECT 'ä;ö'", "SELECT 'open"]),
        ];
        for (sql, expected) in cases {
            assert_eq!(statements(sql), *expected, "{sql}");
        }
    }
}
