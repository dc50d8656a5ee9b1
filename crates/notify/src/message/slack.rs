//! A message for Slack-compatible incoming webhooks: one text for those that know no more, and blocks for those that do.
//!
//! Names of apps are chosen by their makers, so `&`, `<` and `>` are escaped as Slack asks: a name must not become a link or a mention.

use event::Alert;
use serde_json::json;

use super::Request;

/// Slack refuses section texts longer than 3,000 characters.
const SECTION_CHARACTERS_MAX: usize = 2_900;

/// Renders an alert.
pub(crate) fn slack_request(alert: &Alert) -> Request {
    let headline = format!("[{}] {}", alert.severity.as_str().to_uppercase(), escape(&alert.title));
    let mut lines = vec![escape(&alert.description)];
    if !alert.alternative.is_empty() {
        lines.push(format!("*Offer instead:* {}", escape(&alert.alternative)));
    }
    if !alert.prevention.is_empty() {
        lines.push(format!("*Next time:* {}", escape(&alert.prevention)));
    }
    let reasons: Vec<String> =
        alert.factors.iter().map(|factor| format!("{} ({:+})", escape(&factor.name), factor.points)).collect();
    let context = format!(
        "rule {} · score {} · {} · {} {} · alert {}",
        alert.rule,
        alert.score,
        reasons.join(", "),
        alert.people,
        if alert.people == 1 { "person" } else { "people" },
        alert.id
    );
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text)}});
    let body = json!({
        "text": headline,
        "blocks": [
            section(&format!("*{headline}*")),
            section(&lines.join("\n")),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(&context)}]},
        ],
    });
    Request { headers: Vec::new(), body: body.to_string() }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str) -> String {
    text.chars().take(SECTION_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::fixture;

    #[test]
    fn a_name_cannot_become_a_link_or_a_mention() {
        let mut alert = fixture::alert();
        alert.title = "<!channel> & <http://evil.example|Slack>".into();
        let body = slack_request(&alert).body;
        assert!(body.contains("&lt;!channel&gt; &amp; &lt;http"), "{body}");
        assert!(!body.contains("<!channel>"));
    }

    #[test]
    fn the_alternative_is_named_and_a_long_text_is_cut() {
        let mut alert = fixture::alert();
        assert!(slack_request(&alert).body.contains("Adobe Acrobat"));
        alert.description = "x".repeat(10_000);
        assert!(slack_request(&alert).body.len() < 5_000);
    }
}
