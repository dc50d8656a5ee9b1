//! Points: how dangerous something is, as factors that people can read and that add up to the score.
//!
//! Levels of scopes 10, 35, 65, 90; 5 for each further family of data, at most 15; 10 for access that outlasts the session; 20 for the
//! whole tenant; 15 for an app that the catalogue does not know; 10 for the first sight; 10 for a name that imitates another; 100 for a
//! known rogue. An app that IT approved gets no points, because the rules that would give them are silent about it.

use catalog::RiskLevel;
use event::{ConsentType, Factor, Severity};

use crate::sight::Sight;

/// The score of factors: their sum, within 0 and 100.
pub(crate) fn total(factors: &[Factor]) -> u8 {
    let sum: i32 = factors.iter().map(|factor| i32::from(factor.points)).sum();
    u8::try_from(sum.clamp(0, 100)).unwrap_or(100)
}

/// How loud a score is.
pub(crate) const fn severity(score: u8) -> Severity {
    match score {
        0..10 => Severity::Info,
        10..40 => Severity::Low,
        40..70 => Severity::Medium,
        70..90 => Severity::High,
        90.. => Severity::Critical,
    }
}

/// What the grant adds: nothing for what is no grant.
pub(crate) fn grant(sight: &Sight<'_>, factors: &mut Vec<Factor>) {
    if !sight.is_grant() {
        return;
    }
    let risk = &sight.enriched.grant_risk;
    let (points, what) = match risk.level {
        RiskLevel::None => (0, ""),
        RiskLevel::Low => (10, "only signs people in"),
        RiskLevel::Medium => (35, "reads limited personal or directory data"),
        RiskLevel::High => (65, "reads in bulk, or writes as the person"),
        RiskLevel::Critical => (90, "can take over accounts or export everything"),
    };
    if points > 0 {
        factors.push(factor(points, &scopes_text(what, &risk.top_scopes)));
    }
    let further = i16::try_from(risk.high_families.len().saturating_sub(1).min(3)).unwrap_or(3);
    if further > 0 {
        factors.push(factor(further * 5, "opens more than one kind of data"));
    }
    if risk.is_persistent && risk.level >= RiskLevel::Medium {
        factors.push(factor(10, "keeps access when the person is away (offline access)"));
    }
    if matches!(sight.event().consent_type, ConsentType::TenantWide | ConsentType::Application) {
        factors.push(factor(20, "for everybody in the company"));
    }
}

/// What the app itself adds.
pub(crate) fn identity(sight: &Sight<'_>, factors: &mut Vec<Factor>) {
    if !sight.app.is_catalogued && !sight.app.is_first_party {
        factors.push(factor(15, "the catalogue does not know the app"));
    }
    if sight.is_new_app {
        factors.push(factor(10, "first seen in the company"));
    }
    if !sight.app.rogue_reason.is_empty() {
        factors.push(factor(100, &format!("known rogue app: {}", sight.app.rogue_reason)));
    }
}

/// The name's resemblance, for rules that are not about it.
pub(crate) fn resemblance(sight: &Sight<'_>, factors: &mut Vec<Factor>) {
    if sight.app.is_confusable && !sight.app.looks_like.is_empty() {
        factors.push(factor(10, &format!("its name imitates {}", sight.app.looks_like)));
    }
}

/// A factor.
pub(crate) fn factor(points: i16, name: &str) -> Factor {
    Factor { name: name.to_owned(), points }
}

/// Names no more than three scopes, so that a factor stays one line.
fn scopes_text(what: &str, scopes: &[String]) -> String {
    const NAMED_MAX: usize = 3;
    let named: Vec<&str> = scopes.iter().take(NAMED_MAX).map(String::as_str).collect();
    match (named.is_empty(), scopes.len().saturating_sub(NAMED_MAX)) {
        (true, _) => what.to_owned(),
        (false, 0) => format!("{what}: {}", named.join(", ")),
        (false, more) => format!("{what}: {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_the_sum_of_its_factors_within_its_borders() {
        for (points, score) in [(vec![], 0), (vec![65, 10, -5], 70), (vec![100, 15], 100), (vec![-7], 0)] {
            let factors: Vec<Factor> = points.into_iter().map(|points| factor(points, "")).collect();
            assert_eq!(total(&factors), score);
        }
    }

    #[test]
    fn severity_follows_the_score() {
        let severities = [0, 9, 10, 39, 40, 69, 70, 89, 90, 100].map(severity);
        use Severity::{Critical, High, Info, Low, Medium};
        assert_eq!(severities, [Info, Info, Low, Low, Medium, Medium, High, High, Critical, Critical]);
    }
}
