//! The part of the story that is no danger: apps that people bring in, and how far they carry.

use crate::{
    apps::{AppId, Standing},
    clock::{DAY_MS, HOUR_MS},
    incident::IncidentKind,
    moment::PersonId,
    story::Teller,
};

/// New apps that come in the live phase.
const LIVE_NEWCOMERS: usize = 14;
/// Apps that a team takes up, beside those that go further.
const TEAM_APPS: usize = 8;
/// A company of fewer people has no app that half a hundred take up.
const COMPANY_SPREAD_PEOPLE_MIN: u32 = 200;
/// Of a crowd, so many are the team that was first.
const TEAM: usize = 10;

/// How far an app carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One person, or up to three.
    Few,
    /// A team.
    Team,
    /// A team, then far more than half a hundred people.
    Company,
    /// The same, and the last of them in the live phase.
    CompanyInLive,
}

/// Tells of all of them.
pub(crate) fn tell(teller: &mut Teller<'_>) {
    early(teller);
    let apps = teller.company.apps_of(Standing::New);
    let (in_history, in_live) = apps.split_at(apps.len().saturating_sub(LIVE_NEWCOMERS));
    let is_large = teller.company.settings.people >= COMPANY_SPREAD_PEOPLE_MIN;
    for (place, app) in in_history.iter().enumerate() {
        let reach = match place {
            0 if is_large => Reach::Company,
            1 if is_large => Reach::CompanyInLive,
            _ if place < TEAM_APPS + 2 => Reach::Team,
            _ => Reach::Few,
        };
        in_days(teller, *app, reach, place);
    }
    for app in in_live {
        in_seconds(teller, *app);
    }
}

/// Apps that came while the system learned: known when teaching ends, each with its few people or its team, and no more.
fn early(teller: &mut Teller<'_>) {
    let begin = teller.company.begin();
    // Whoever counts teaching in whole days of the calendar ends it up to a day before: nothing may hang on that day.
    let teaching = teller.company.teaching_end() - begin;
    let end = begin + teaching - DAY_MS.min(teaching / 2);
    let apps = teller.company.apps_of(Standing::Early);
    for (place, app) in apps.iter().enumerate() {
        let first = Teller::stretch((begin + HOUR_MS, end - (end - begin) / 5), place, apps.len());
        let size = if place % 4 == 0 { 6 + teller.random.below(5) } else { 1 + teller.random.below(3) };
        let people = teller.crowd(teller.company.app(*app).provider(), size as usize);
        let mut from = first;
        for (number, person) in people.into_iter().enumerate() {
            let at = teller.working_moment(person, from);
            teller.take_up(person, *app, at, number == 0, None);
            from = (at.min(from.1), end - (end - begin) / 20);
        }
    }
}

/// An app that comes in the days after teaching.
fn in_days(teller: &mut Teller<'_>, app: AppId, reach: Reach, place: usize) {
    let span = (teller.news_begin(), 0);
    let length = span.1 - span.0;
    // What is to carry far begins early enough to do so.
    let (window, size) = match reach {
        Reach::Few => (Teller::stretch(span, place % 20, 20), 1 + teller.random.below(3)),
        Reach::Team => (Teller::stretch((span.0, span.1 - length * 2 / 5), place % 10, 10), 9 + teller.random.below(8)),
        Reach::Company => ((span.0, span.0 + length / 5), 70 + teller.random.below(30)),
        Reach::CompanyInLive => ((span.0, span.0 + length / 4), 42 + teller.random.below(5)),
    };
    let people = teller.crowd(teller.company.app(app).provider(), size as usize);
    let Some((first, others)) = people.split_first() else { return };
    let begin = teller.working_moment(*first, window);
    let news = teller.incident(IncidentKind::NewUnsanctionedApp, app, *first);
    teller.take_up(*first, app, begin, true, Some(news));
    let (team, company) = match reach {
        Reach::Few => (news, news),
        Reach::Team => {
            let spread = teller.incident(IncidentKind::SpreadThroughTeam, app, *first);
            (spread, spread)
        }
        Reach::Company | Reach::CompanyInLive => (
            teller.incident(IncidentKind::SpreadThroughTeam, app, *first),
            teller.incident(IncidentKind::SpreadThroughCompany, app, *first),
        ),
    };
    let after = (begin + 2 * HOUR_MS).min(-1);
    for (number, person) in others.iter().enumerate() {
        let (incident, until) = if number < TEAM { (team, after + (0 - after) / 3) } else { (company, -length / 50) };
        let at = teller.working_moment(*person, (after, until));
        teller.take_up(*person, app, at, false, Some(incident));
    }
    if reach == Reach::CompanyInLive {
        last_of_crowd(teller, app, company, &people);
    }
}

/// The app is all over the house, and the last dozen take it up while we watch.
fn last_of_crowd(teller: &mut Teller<'_>, app: AppId, incident: u32, people: &[PersonId]) {
    let live_ms = teller.company.settings.live_ms;
    let mut joined: Vec<PersonId> = people.to_vec();
    let size = joined.len() + 14;
    while joined.len() < size {
        let person = teller.anybody(teller.company.app(app).provider());
        if joined.contains(&person) {
            continue;
        }
        joined.push(person);
        let at = teller.random.between(live_ms / 5, live_ms * 4 / 5);
        teller.take_up(person, app, at, false, Some(incident));
    }
}

/// An app that comes in the live phase; sometimes a second person follows at once.
fn in_seconds(teller: &mut Teller<'_>, app: AppId) {
    let person = teller.anybody(teller.company.app(app).provider());
    let at = teller.live_time();
    let news = teller.incident(IncidentKind::NewUnsanctionedApp, app, person);
    teller.take_up(person, app, at, true, Some(news));
    if teller.random.happens(300) {
        let follower = teller.anybody(teller.company.app(app).provider());
        teller.take_up(follower, app, at + 900, false, Some(news));
    }
}
