//! The company: people, apps and story, made once from the settings.

use crate::{
    adoption::{self, Portfolio},
    apps::{self, App, AppId, Provider, Standing},
    clock::DAY_MS,
    deliveries::Deliveries,
    incident::Incident,
    moment::{Moment, PersonId},
    people::{self, Person},
    settings::Settings,
    story,
};

/// What IT had decided before the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartingDecision {
    /// Where the app hangs.
    pub provider: Provider,
    /// `app_id` (Okta instance), `client_id` or `label` (Google's SAML apps), as in canonical events.
    pub id_kind: &'static str,
    /// The app's id.
    pub native_id: String,
    /// The app's name, for people.
    pub name: String,
    /// `sanctioned` or `blocked`.
    pub status: &'static str,
}

/// A simulated company.
pub struct Company {
    pub(crate) settings: Settings,
    pub(crate) people: Vec<Person>,
    pub(crate) apps: Vec<App>,
    pub(crate) portfolios: Vec<Portfolio>,
    /// All that the story decides, in the order of when it happens.
    pub(crate) script: Vec<Moment>,
    pub(crate) incidents: Vec<Incident>,
}

impl Company {
    /// Makes the company of these settings. Settings outside of what they allow are brought to the nearest that they do.
    #[must_use]
    pub fn new(settings: Settings) -> Company {
        let settings = settings.within_limits();
        let people = people::hire(&settings);
        let apps = apps::install(&settings);
        let (portfolios, members) = adoption::sanctioned(&settings, &people, &apps);
        let mut company = Company { settings, people, apps, portfolios, script: Vec::new(), incidents: Vec::new() };
        let told = story::tell(&company, &members);
        for (person, app, from) in told.adoptions {
            let provider = company.app(app).provider();
            if let Some(portfolio) = company.portfolios.get_mut(person.0 as usize) {
                portfolio.add(provider, app, from);
            }
        }
        company.script = told.moments;
        company.incidents = told.incidents;
        company
    }

    /// The settings as they were applied.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Everything that happened and that somebody should be told, in the order of the story.
    #[must_use]
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// What IT had decided: to be told to the running system before the first delivery.
    #[must_use]
    pub fn decisions(&self) -> Vec<StartingDecision> {
        let decided = |app: &App| match app.standing {
            Standing::Sanctioned | Standing::RolledOut => Some("sanctioned"),
            Standing::Blocked => Some("blocked"),
            _ => None,
        };
        let decision = |app: &App| {
            Some(StartingDecision {
                provider: app.provider(),
                id_kind: app.id_kind(),
                native_id: app.native_id.clone(),
                name: app.name.clone(),
                status: decided(app)?,
            })
        };
        self.apps.iter().filter_map(decision).collect()
    }

    /// The directory for enrichment: `email,department,valid_from,valid_to`, in UTC; the last interval is open.
    #[must_use]
    pub fn directory_csv(&self) -> String {
        people::directory_csv(&self.people, &self.settings)
    }

    /// All deliveries, history first, in the order in which they are sent. Made day by day.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries<'_> {
        Deliveries::new(self)
    }

    /// Where history begins, in milliseconds from the anchor.
    pub(crate) fn begin(&self) -> i64 {
        -i64::from(self.settings.days) * DAY_MS
    }

    /// Where teaching ends, in milliseconds from the anchor.
    pub(crate) fn teaching_end(&self) -> i64 {
        self.begin() + i64::from(self.settings.teaching_days) * DAY_MS
    }

    #[expect(clippy::indexing_slicing, reason = "a PersonId is made from a place in this list, which never changes")]
    pub(crate) fn person(&self, id: PersonId) -> &Person {
        &self.people[id.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "an AppId is made from a place in this list, which never changes")]
    pub(crate) fn app(&self, id: AppId) -> &App {
        &self.apps[id.0 as usize]
    }

    /// The apps that play one part, in their fixed order.
    pub(crate) fn apps_of(&self, standing: Standing) -> Vec<AppId> {
        let numbered = (0_u32..).zip(&self.apps);
        numbered.filter(|(_, app)| app.standing == standing).map(|(number, _)| AppId(number)).collect()
    }
}
