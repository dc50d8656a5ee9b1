//! Ordinary days: people log in, use what they have, and go home. Nothing here is anybody's news.

use crate::{
    agenda::Agenda,
    apps::{Access, AppId, Provider, Standing},
    clock::{HOUR_MS, MINUTE_MS, moment_in_slot},
    company::Company,
    moment::{Action, Breadth, Grant, Moment, PersonId},
    names::FIRST_PARTY_NEW,
    random::Random,
    suite::Suite,
    visit,
};

/// Of a thousand people, so many are at work on a day that is theirs.
const ATTENDANCE_PER_MILLE: u32 = 920;
/// Of a thousand people, so many work on a weekend.
const WEEKEND_PER_MILLE: u32 = 60;
/// So many clicks of history arrive in the live phase.
const BELATED_CLICKS: u32 = 40;
/// How long people work.
const WORKDAY_MINUTES: i64 = 9 * 60;

/// One slot of 24 hours, counted back from the anchor (−1 is the last).
pub(crate) fn day(company: &Company, slot: i64) -> Vec<Moment> {
    let settings = &company.settings;
    let way = Random::stream(settings.seed, "way of a day", slot.unsigned_abs());
    let mut agenda = Agenda::new(way, i64::from(settings.days), settings.live_ms);
    let day = i64::from(settings.days) + slot;
    for number in 0..settings.people {
        let person = company.person(PersonId(number));
        let mut random = Random::stream(settings.seed, "routine", slot.unsigned_abs() << 32 | u64::from(number));
        if random.happens(ATTENDANCE_PER_MILLE) && i64::from(person.joins_day) <= day {
            let is_weekend_worker = random.happens(WEEKEND_PER_MILLE);
            Worker { company, agenda: &mut agenda, random, person: PersonId(number), slot, is_weekend_worker }.work();
        }
    }
    agenda.moments
}

/// What goes on in the live phase beside the story.
pub(crate) fn live(company: &Company) -> Vec<Moment> {
    let settings = &company.settings;
    let mut random = Random::stream(settings.seed, "live", 0);
    let way = Random::stream(settings.seed, "way of the live phase", 0);
    let mut agenda = Agenda::new(way, i64::from(settings.days), settings.live_ms);
    // A click comes to a little over one and a half events.
    let clicks = i64::from(settings.live_events_per_second) * settings.live_ms / 1_600;
    for _ in 0..clicks {
        let at = random.between(0, settings.live_ms);
        let person = PersonId(random.below(settings.people));
        let suite = Suite::of(person);
        let provider = if random.happens(600) { Provider::Okta } else { suite.provider() };
        let drawn = company.portfolios.get(person.0 as usize).and_then(|apps| apps.draw(provider, -1, &mut random));
        let app = drawn.unwrap_or_else(|| microsoft(company, &mut random));
        let click = agenda.click(person, app, at, None);
        match random.below(10) {
            0 => visit::noise(&mut agenda, &click),
            _ if drawn.is_none() && suite == Suite::Google => visit::log_in_to_google(&mut agenda, &click),
            _ => visit::visit(&mut agenda, &click, company.app(app)),
        }
    }
    belated(company, &mut agenda, &mut random);
    agenda.moments
}

/// Google's token log is hours behind: of what its people did before the anchor, some is not heard of until now.
fn belated(company: &Company, agenda: &mut Agenda, random: &mut Random) {
    let provider = Provider::GoogleWorkspace;
    for _ in 0..BELATED_CLICKS {
        let person = PersonId(random.below(company.settings.people / 10) * 10 + provider.first_person().0);
        let at = -random.between(HOUR_MS, 9 * HOUR_MS);
        let arrives = random.between(0, company.settings.live_ms * 9 / 10);
        let drawn = company.portfolios.get(person.0 as usize).and_then(|apps| apps.draw(provider, at, random));
        let Some(app) = drawn.filter(|app| company.app(*app).access == Access::GoogleClient) else { continue };
        let click = agenda.belated_click(person, app, at, arrives);
        visit::visit(agenda, &click, company.app(app));
    }
}

/// One of Microsoft's apps that the company always had.
fn microsoft(company: &Company, random: &mut Random) -> AppId {
    let last = company.apps.len().saturating_sub(FIRST_PARTY_NEW);
    let old = crate::names::FIRST_PARTY.len() - FIRST_PARTY_NEW;
    let count = u32::try_from(old).unwrap_or(1);
    // The more used ones stand first.
    let place = random.below(count).min(random.below(count));
    AppId(u32::try_from(last - old).unwrap_or_default() + place)
}

/// One person on one day.
struct Worker<'a> {
    company: &'a Company,
    agenda: &'a mut Agenda,
    random: Random,
    person: PersonId,
    slot: i64,
    is_weekend_worker: bool,
}

impl Worker<'_> {
    fn work(&mut self) {
        let start = self.company.person(self.person).start_minute;
        let okta = 3 + self.random.below(3);
        let suite = Suite::of(self.person);
        let (microsoft_visits, clients) = (2 + self.random.below(2), 1 + self.random.below(2));
        let first = microsoft(self.company, &mut self.random);
        self.at(start, first, |worker, click| visit::log_in(worker.agenda, click));
        for _ in 0..okta {
            self.visit(Provider::Okta);
        }
        for _ in 0..clients {
            self.visit(suite.provider());
        }
        if suite == Suite::Google {
            self.in_google(first, microsoft_visits);
        } else {
            self.in_microsoft(microsoft_visits);
        }
        if self.random.happens(700) {
            let minute = self.minute();
            self.at(minute, first, |worker, click| visit::noise(worker.agenda, click));
        }
    }

    /// Microsoft's own apps.
    fn in_microsoft(&mut self, visits: u32) {
        for _ in 0..visits {
            let app = microsoft(self.company, &mut self.random);
            let minute = self.minute();
            self.at(minute, app, |worker, click| {
                visit::visit(worker.agenda, click, worker.company.app(click.app));
                match worker.random.below(60) {
                    0 => worker.agenda.event(click, Action::EntraSignInFailed, 2_000),
                    1 => worker.agenda.event(click, Action::EntraChallenge, 2_000),
                    _ => (),
                }
            });
        }
    }

    /// A session or two, and one more app than others: there are no visits to Google's own.
    fn in_google(&mut self, first: AppId, visits: u32) {
        for _ in 1..visits {
            let minute = self.minute();
            self.at(minute, first, |worker, click| visit::log_in_to_google(worker.agenda, click));
        }
        self.visit(Provider::GoogleWorkspace);
    }

    fn visit(&mut self, provider: Provider) {
        let portfolio = self.company.portfolios.get(self.person.0 as usize);
        let minute = self.minute();
        let (at, _) = moment_in_slot(self.slot, minute, self.company.person(self.person).site.zone_minutes);
        let Some(app) = portfolio.and_then(|apps| apps.draw(provider, at, &mut self.random)) else { return };
        self.at(minute, app, |worker, click| {
            let app = worker.company.app(click.app);
            visit::visit(worker.agenda, click, app);
            let is_sanctioned = matches!(app.standing, Standing::Sanctioned | Standing::RolledOut);
            if is_sanctioned && worker.random.happens(12) {
                worker.paperwork(click);
            }
        });
    }

    /// Now and then somebody is given a sanctioned app, loses it, is kept out of it, or agrees to it once more.
    fn paperwork(&mut self, click: &crate::agenda::Click) {
        let app = self.company.app(click.app);
        match (app.access, self.random.below(4)) {
            (Access::Client | Access::Subsidiary, 0 | 1) => {
                let scopes = self.random.pick(visit::HARMLESS);
                visit::consent(self.agenda, click, app, Grant { scopes, breadth: Breadth::Person }, false);
            }
            (Access::Client | Access::Subsidiary, 2) => self.agenda.event(click, Action::EntraAssign, 500),
            (Access::Client | Access::Subsidiary, _) => self.agenda.event(click, Action::EntraServicePrincipal, 500),
            (Access::GoogleClient, way) => {
                let scopes = self.random.pick(visit::HARMLESS_GOOGLE);
                let grant = Grant { scopes, breadth: Breadth::Person };
                let action = if way < 3 { Action::GoogleAuthorize(grant) } else { Action::GoogleRevoke(grant) };
                self.agenda.event(click, action, 500);
            }
            (Access::GoogleSaml, _) => self.agenda.event(click, Action::GoogleSamlDenied, 500),
            (Access::Oidc, 0) => self.agenda.event(click, Action::OktaConsent, 500),
            (Access::Oidc, 1) => self.agenda.event(click, Action::OktaRevoke, 500),
            (_, 2) => self.agenda.event(click, Action::OktaUnassign, 500),
            (_, 3) => self.agenda.event(click, Action::OktaAccessDenied, 500),
            _ => self.agenda.event(click, Action::OktaAssign, 500),
        }
    }

    fn minute(&mut self) -> i64 {
        self.company.person(self.person).start_minute + self.random.between(5, WORKDAY_MINUTES)
    }

    /// Does something at that local minute, unless it is the weekend there.
    fn at(&mut self, minute: i64, app: AppId, act: impl FnOnce(&mut Self, &crate::agenda::Click)) {
        let zone_minutes = self.company.person(self.person).site.zone_minutes;
        let (at, is_weekend) = moment_in_slot(self.slot, minute, zone_minutes);
        if is_weekend && !self.is_weekend_worker {
            return;
        }
        let at = at + self.random.between(0, MINUTE_MS);
        let click = self.agenda.click(self.person, app, at, None);
        act(self, &click);
    }
}
