//! The story of the run: which apps come, who takes them up, what goes wrong. Everything that chance alone would not bring.
//!
//! Truth is made here. An incident exists because the schedule says that it happens, not because some number was reached.

use crate::{
    adoption::Members,
    agenda::Agenda,
    apps::{Access, AppId, Provider, Standing},
    clock::{DAY_MS, HOUR_MS, MINUTE_MS, moment_in_slot},
    company::Company,
    danger,
    incident::{Incident, IncidentKind},
    moment::{Action, Breadth, Grant, Moment, PersonId, Role},
    newcomers,
    random::Random,
    visit,
};

/// The smallest part of a run that incidents keep away from its borders, as a share of the whole: a hundredth.
const MARGIN: i64 = 100;
/// Draws of a person before a certain one will do.
const PERSON_DRAWS: u32 = 200;
/// Draws of a day before any moment will do.
const DAY_DRAWS: u32 = 40;
/// Mailbox access that IT agreed to: what a mail client that everybody may use asks for.
const AGREED_MAILBOX: Grant =
    Grant { scopes: "openid profile offline_access User.Read Mail.ReadWrite", breadth: Breadth::Person };

/// What the story comes to.
pub(crate) struct Told {
    /// In the order of when they happen.
    pub(crate) moments: Vec<Moment>,
    /// By number.
    pub(crate) incidents: Vec<Incident>,
    /// Who uses an unsanctioned app from when on.
    pub(crate) adoptions: Vec<(PersonId, AppId, i64)>,
}

/// Tells the whole story.
pub(crate) fn tell(company: &Company, members: &[Members]) -> Told {
    let mut teller = Teller::new(company);
    teller.open();
    teller.first_uses(members);
    teller.microsoft_news();
    teller.agreed_consents();
    newcomers::tell(&mut teller);
    danger::tell(&mut teller);
    teller.finish()
}

/// What the parts of the story share.
pub(crate) struct Teller<'a> {
    pub(crate) company: &'a Company,
    pub(crate) random: Random,
    pub(crate) agenda: Agenda,
    pub(crate) adoptions: Vec<(PersonId, AppId, i64)>,
    incidents: Vec<Incident>,
    live_times: Vec<i64>,
}

impl<'a> Teller<'a> {
    fn new(company: &'a Company) -> Teller<'a> {
        let settings = &company.settings;
        let mut random = Random::stream(settings.seed, "story", 0);
        let way = Random::stream(settings.seed, "way of the story", 0);
        // Twenty-eight places in the live phase, so far apart that two incidents never share a delivery by necessity.
        let mut live_times: Vec<i64> = (0..28).map(|place| settings.live_ms * (4 + place * 3) / 100).collect();
        random.shuffle(&mut live_times);
        let agenda = Agenda::new(way, i64::from(settings.days), settings.live_ms);
        Teller { company, random, agenda, adoptions: Vec::new(), incidents: Vec::new(), live_times }
    }

    /// Where new apps begin to be news: a little after teaching, so that nobody argues about the border.
    pub(crate) fn news_begin(&self) -> i64 {
        let teaching = self.company.teaching_end() - self.company.begin();
        self.company.teaching_end() + (teaching / 20).max(2 * HOUR_MS)
    }

    /// The part of a span, without its margins, that is number `index` of `count` equal ones.
    pub(crate) fn stretch(span: (i64, i64), index: usize, count: usize) -> (i64, i64) {
        let length = (span.1 - span.0).max(0);
        let (low, high) = (span.0 + length / MARGIN, span.1 - length / MARGIN);
        let place = |number: usize| {
            let share = i64::try_from(number).unwrap_or_default() * 1_000 / i64::try_from(count.max(1)).unwrap_or(1);
            low + (high - low) / 1_000 * share
        };
        (place(index), place(index + 1))
    }

    /// The next free place in the live phase.
    pub(crate) fn live_time(&mut self) -> i64 {
        let spread = self.company.settings.live_ms / 200;
        let place = self.live_times.pop().unwrap_or(self.company.settings.live_ms / 2);
        place + self.random.between(0, spread)
    }

    /// Somebody with an account at that provider, who works here from the first day and is no administrator.
    pub(crate) fn anybody(&mut self, provider: Provider) -> PersonId {
        let count = self.company.settings.people;
        let drawn = (0..PERSON_DRAWS).map(|_| PersonId(self.random.below(count))).find(|id| {
            let person = self.company.person(*id);
            person.joins_day == 0 && !person.is_admin && provider.has(*id)
        });
        // The second ten are founders, too, and administer nothing.
        drawn.unwrap_or(PersonId(provider.first_person().0 + 10))
    }

    /// So many different people with an account at that provider, or all of them where there are fewer.
    pub(crate) fn crowd(&mut self, provider: Provider, size: usize) -> Vec<PersonId> {
        let mut crowd = Vec::with_capacity(size);
        for _ in 0..size * 20 {
            let person = self.anybody(provider);
            if crowd.len() < size && !crowd.contains(&person) {
                crowd.push(person);
            }
        }
        crowd
    }

    /// A moment of a span at which that person works; any moment of it, where they do not.
    pub(crate) fn working_moment(&mut self, person: PersonId, (low, high): (i64, i64)) -> i64 {
        let who = self.company.person(person);
        for _ in 0..DAY_DRAWS {
            let slot = self.random.between(low, high).div_euclid(DAY_MS);
            let minute = who.start_minute + self.random.between(0, 9 * 60);
            let (at, is_weekend) = moment_in_slot(slot, minute, who.site.zone_minutes);
            let at = at + self.random.between(0, MINUTE_MS);
            if !is_weekend && (low..high).contains(&at) {
                return at;
            }
        }
        self.random.between(low, high)
    }

    /// Begins an incident.
    pub(crate) fn incident(&mut self, kind: IncidentKind, app: AppId, person: PersonId) -> u32 {
        let number = u32::try_from(self.incidents.len()).unwrap_or(u32::MAX);
        let installed = self.company.app(app);
        self.incidents.push(Incident {
            number,
            kind,
            provider: installed.provider(),
            app_native_id: installed.native_id.clone(),
            app_object_id: installed.object_id.clone(),
            app_name: installed.name.clone(),
            person_mail: self.company.person(person).mail.clone(),
            occurred_at_ms: 0,
            is_live: false,
            native_ids: Vec::new(),
        });
        number
    }

    /// Somebody takes an app up and goes on using it.
    pub(crate) fn take_up(&mut self, person: PersonId, app: AppId, at: i64, is_first: bool, incident: Option<u32>) {
        let click = self.agenda.click(person, app, at, incident);
        visit::take_up(&mut self.agenda, &click, self.company.app(app), is_first);
        self.adoptions.push((person, app, at + HOUR_MS));
    }

    /// Somebody opens each log at the first minute, so that teaching begins where the run does.
    fn open(&mut self) {
        let at = self.company.begin() + MINUTE_MS;
        let first_party = self.company.apps_of(Standing::FirstParty);
        let sanctioned = self.company.apps_of(Standing::Sanctioned);
        let oidc = sanctioned.into_iter().find(|app| self.company.app(*app).access == Access::Oidc);
        for app in first_party.into_iter().take(1) {
            for provider in Provider::ALL {
                let click = self.agenda.click(provider.first_person(), app, at, None);
                match provider {
                    Provider::Okta => self.agenda.event(&click, Action::OktaLogin, 0),
                    Provider::Entra | Provider::M365Ual => self.agenda.event(&click, Action::EntraSignIn, 0),
                    Provider::GoogleWorkspace => self.agenda.event(&click, Action::GoogleLogin, 0),
                }
            }
            // And the poll of Okta's log, which brings what hooks do not carry.
            let click = self.agenda.click(PersonId(0), oidc.unwrap_or(app), at, None);
            self.agenda.event(&click, Action::OktaIdToken, 0);
        }
    }

    /// Every app that IT brought in is used early, or, where it is rolled out, when it comes.
    fn first_uses(&mut self, members: &[Members]) {
        let begin = self.company.begin();
        let early = (begin + HOUR_MS, begin + (self.company.teaching_end() - begin) * 7 / 10);
        for Members { app, people } in members {
            let installed = self.company.app(*app);
            let nobody = (installed.provider().first_person(), begin / 2);
            let (person, from) = people.first().copied().unwrap_or(nobody);
            if installed.standing == Standing::RolledOut {
                let at = self.working_moment(person, (from, (from + DAY_MS).min(0)));
                let click = self.agenda.click(person, *app, at, None);
                visit::take_up(&mut self.agenda, &click, installed, true);
                continue;
            }
            let at = self.working_moment(person, early);
            let click = self.agenda.click(person, *app, at, None);
            match installed.access {
                Access::Oidc => self.agenda.event(&click, Action::OktaConsent, 0),
                Access::GoogleClient => {
                    visit::take_up(&mut self.agenda, &click, installed, true);
                    continue;
                }
                _ => (),
            }
            visit::visit(&mut self.agenda, &click, installed);
        }
    }

    /// Microsoft's own apps that are new to the company: no news for anybody.
    fn microsoft_news(&mut self) {
        let span = (self.news_begin(), 0);
        let apps = self.company.apps_of(Standing::FirstParty);
        for app in apps.into_iter().rev().take(crate::names::FIRST_PARTY_NEW) {
            for person in self.crowd(Provider::Entra, 6) {
                let at = self.working_moment(person, span);
                let click = self.agenda.click(person, app, at, None);
                self.agenda.event(&click, Action::EntraAddServicePrincipal, 0);
                self.agenda.event(&click, Action::EntraSignIn, 400);
            }
        }
    }

    /// Consents that look sharp and are agreed: a mailbox for a sanctioned app, an administrator who clicks for nobody else.
    fn agreed_consents(&mut self) {
        let clients = self.company.apps_of(Standing::Sanctioned);
        let clients: Vec<AppId> =
            clients.into_iter().filter(|app| self.company.app(*app).access == Access::Client).collect();
        let span = (self.company.begin() + HOUR_MS, 0);
        for app in clients.iter().take(1) {
            for person in self.crowd(Provider::Entra, 3) {
                let at = self.working_moment(person, span);
                let click = self.agenda.click(person, *app, at, None);
                visit::consent(&mut self.agenda, &click, self.company.app(*app), AGREED_MAILBOX, false);
            }
        }
        for (number, app) in (0_u32..).zip(clients.iter().skip(1).take(3)) {
            let person = PersonId(number);
            let at = self.working_moment(person, span);
            let click = self.agenda.click(person, *app, at, None);
            let grant = Grant { scopes: "openid profile email User.Read", breadth: Breadth::AdminSelf };
            visit::consent(&mut self.agenda, &click, self.company.app(*app), grant, false);
        }
    }

    /// Gives the incidents their events, and everything its order.
    fn finish(mut self) -> Told {
        let mut moments = self.agenda.moments;
        moments.sort_by_key(|moment| (moment.occurred, moment.identity));
        for moment in &moments {
            let number = moment.incident.filter(|_| moment.role == Role::Original);
            let Some(incident) = number.and_then(|number| self.incidents.get_mut(number as usize)) else { continue };
            let is_spread =
                matches!(incident.kind, IncidentKind::SpreadThroughTeam | IncidentKind::SpreadThroughCompany);
            if is_spread || incident.native_ids.is_empty() {
                incident.occurred_at_ms = self.company.settings.anchor_ms + moment.occurred;
                incident.is_live = moment.occurred >= 0;
            }
            incident.native_ids.push(moment.native_id().0);
        }
        Told { moments, incidents: self.incidents, adoptions: self.adoptions }
    }
}
