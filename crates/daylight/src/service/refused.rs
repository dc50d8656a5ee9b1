//! Why something that an operator asked for was not done: one sentence, and what HTTP calls it.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// A refusal. The sentence is for the person who asked; it names no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The request makes no sense: 400.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing: 404.
    #[error("{0}")]
    Unknown(String),
    /// It makes sense, and not now or not so: several things are meant, or the state does not allow it. 409.
    #[error("{0}")]
    Conflict(String),
    /// Something that is needed is away: 503. Ask again.
    #[error("{0}")]
    Unavailable(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Refused::Invalid(_) => StatusCode::BAD_REQUEST,
            Refused::Unknown(_) => StatusCode::NOT_FOUND,
            Refused::Conflict(_) => StatusCode::CONFLICT,
            Refused::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, format!("{self}\n")).into_response()
    }
}

/// Characters that a sentence of a person may have: a reason, not a document.
pub(crate) const SENTENCE_CHARS_MAX: usize = 2_000;
/// Characters that a name may have: of an owner, a department, an app, a person who decides.
pub(crate) const NAME_CHARS_MAX: usize = 200;

/// A text of an operator, trimmed: no control characters, no more than `chars_max`.
pub(crate) fn text(what: &str, text: &str, chars_max: usize) -> Result<String, Refused> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(Refused::Invalid(format!("the {what} has {chars} characters; at most {chars_max} are kept")));
    }
    if text.chars().any(char::is_control) {
        return Err(Refused::Invalid(format!(
            "the {what} holds a control character, such as a line break; write it in one line"
        )));
    }
    Ok(text.to_owned())
}

/// As `text`, and not empty.
pub(crate) fn required(what: &str, given: &str, chars_max: usize) -> Result<String, Refused> {
    match text(what, given, chars_max)? {
        text if text.is_empty() => {
            Err(Refused::Invalid(format!("the {what} is missing: somebody will ask for it in a year")))
        }
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_line_and_a_limit() {
        assert_eq!(required("reason", "  because ", 10), Ok("because".into()));
        for (given, chars_max) in [("", 5), ("  ", 5), ("a\nb", 5), ("\u{1b}[2J", 5), ("äöüäöü", 5)] {
            assert!(matches!(required("reason", given, chars_max), Err(Refused::Invalid(_))), "{given:?}");
        }
        assert_eq!(text("owner", "", 5), Ok(String::new()));
        assert_eq!(text("owner", "äöüäö", 5), Ok("äöüäö".into()));
    }
}
