//! Who uses which app from when on: growth curves, before any single visit.

use crate::{
    apps::{App, AppId, Provider, Standing},
    clock::DAY_MS,
    moment::PersonId,
    people::Person,
    random::Random,
    settings::Settings,
};

/// People outside of an app's department who use it all the same, of a thousand.
const OUTSIDERS_PER_MILLE: u32 = 15;

/// How the number of an app's people moves over the run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Curve {
    /// Everybody from the first day.
    Flat,
    /// A few more every day.
    Steady,
    /// Slowly, then all at once.
    Late,
}

/// The apps of one person, each with the moment (milliseconds from the anchor) from which they use it.
#[derive(Default)]
pub(crate) struct Portfolio {
    okta: Vec<(AppId, i64)>,
    /// Those of the suite that the person has.
    suite: Vec<(AppId, i64)>,
}

impl Portfolio {
    /// Adds an app.
    pub(crate) fn add(&mut self, provider: Provider, app: AppId, from: i64) {
        match provider {
            Provider::Okta => self.okta.push((app, from)),
            _ => self.suite.push((app, from)),
        }
    }

    /// One of the person's apps that they already use at that moment. Nothing where four draws hit only later ones.
    pub(crate) fn draw(&self, provider: Provider, at: i64, random: &mut Random) -> Option<AppId> {
        let apps = match provider {
            Provider::Okta => &self.okta,
            _ => &self.suite,
        };
        let count = u32::try_from(apps.len()).unwrap_or(u32::MAX);
        (0..4).find_map(|_| apps.get(random.below(count) as usize).filter(|(_, from)| *from <= at).map(|(app, _)| *app))
    }
}

/// The people of one app, each with the moment from which they use it, in that order.
pub(crate) struct Members {
    /// The app.
    pub(crate) app: AppId,
    /// Who, and from when on.
    pub(crate) people: Vec<(PersonId, i64)>,
}

/// What everybody uses of what IT brought in, and the people of each such app in order of adoption.
pub(crate) fn sanctioned(settings: &Settings, people: &[Person], apps: &[App]) -> (Vec<Portfolio>, Vec<Members>) {
    let mut portfolios: Vec<Portfolio> = people.iter().map(|_| Portfolio::default()).collect();
    let mut members = Vec::new();
    let begin = -i64::from(settings.days) * DAY_MS;
    for (number, app) in (0_u32..).zip(apps) {
        if !matches!(app.standing, Standing::Sanctioned | Standing::RolledOut) {
            continue;
        }
        let mut random = Random::stream(settings.seed, "adoption", u64::from(number));
        let curve = *random.pick(&[Curve::Flat, Curve::Flat, Curve::Flat, Curve::Flat, Curve::Steady, Curve::Late]);
        // A roll-out begins in the middle of the run and reaches its people within days.
        let opens = if app.standing == Standing::RolledOut { begin / 2 } else { begin };
        let mut users = Vec::new();
        for ((person_number, person), portfolio) in (0_u32..).zip(people).zip(&mut portfolios) {
            let is_outside = app.department.is_some_and(|department| department != person.department);
            if !app.provider().has(PersonId(person_number))
                || !random.happens(if is_outside { OUTSIDERS_PER_MILLE } else { app.reach })
            {
                continue;
            }
            let from = match curve {
                _ if app.standing == Standing::RolledOut => random.between(opens, opens / 2),
                Curve::Flat => opens,
                Curve::Steady => random.between(opens, 0),
                Curve::Late => random.between(opens, 0).max(random.between(opens, 0)),
            };
            portfolio.add(app.provider(), AppId(number), from);
            users.push((PersonId(person_number), from));
        }
        users.sort_by_key(|(person, from)| (*from, *person));
        members.push(Members { app: AppId(number), people: users });
    }
    (portfolios, members)
}
