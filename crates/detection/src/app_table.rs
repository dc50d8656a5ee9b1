//! The apps that a tenant has met, and which of them are one.
//!
//! An app is known by its immutable reference. References with the same canonical key form a *group*; whether an app is new, and how many
//! people have met it, is asked of the group, so that a second client id of a known app is no new app. A group knows up to which place in
//! the log it can rank people exactly, so that a replay finds the same rank for the same person although the ledger is already ahead; the
//! ranks themselves are worked out from the pairs when a replay asks (they would take half as much memory as the pairs).

use std::{cmp::Ordering, hash::BuildHasher, sync::Arc};

use event::{AppFirst, AppIdKind, AppRef, EventId, FirstSeen, Position, Sighting, Source, UserKey, stable_hash_64};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::pairs::{Packed, Pair, Pairs};

/// Numbers of apps that are remembered; beyond it all are forgotten, which costs time and never a different answer.
const NUMBERS_MAX: usize = 131_072;

/// An app by its reference.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) source: Source,
    pub(crate) id_kind: AppIdKind,
    pub(crate) id: Arc<str>,
    /// `stable_hash_64` of the reference.
    pub(crate) hash: u64,
    pub(crate) name: Arc<str>,
    pub(crate) first_key: Arc<str>,
    pub(crate) first: AppFirst,
    /// Who has met it.
    pub(crate) pairs: Pairs,
    /// Index of its group; `None` while only its pairs were restored and not itself.
    pub(crate) group: Option<u32>,
}

impl App {
    /// The first sight of one way of being seen.
    pub(crate) fn first_mut(&mut self, way: Sighting) -> &mut FirstSeen {
        if way == Sighting::GRANTED {
            &mut self.first.granted
        } else if way == Sighting::USED {
            &mut self.first.used
        } else {
            &mut self.first.attempted
        }
    }

    /// The first use or grant.
    pub(crate) fn first_met(&self) -> Option<(Position, EventId)> {
        [self.first.used, self.first.granted]
            .into_iter()
            .filter(FirstSeen::is_some)
            .map(|first| (first.position, first.event_id))
            .min()
    }

    /// Its reference.
    pub(crate) fn reference(&self) -> AppRef<'_> {
        AppRef { source: self.source, id_kind: self.id_kind, id: &self.id }
    }

    fn is(&self, app: &AppRef<'_>) -> bool {
        self.source == app.source && self.id_kind == app.id_kind && *self.id == *app.id
    }
}

/// References that are one app.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: Arc<str>,
    /// Indexes of its apps.
    pub(crate) members: Vec<u32>,
    /// How many people have used or granted one of them.
    pub(crate) people: u32,
    /// Where the last of those people stands in the log whose rank is known exactly: no more than the largest threshold needs.
    exact_until: Option<Packed>,
    /// Where they all stand, in order, while a replay asks for it.
    ranks: Option<Vec<Packed>>,
    /// Are the figures above right? Not after a restore or a merge.
    is_counted: bool,
}

impl Group {
    /// Takes in the position of one more person: `people` is right again, and what it says of ranks where the position is the latest.
    fn add_person(&mut self, position: Packed, ranks_max: usize) {
        let is_exact = usize::try_from(self.people).is_ok_and(|people| people < ranks_max);
        self.people = self.people.saturating_add(1);
        if self.exact_until.is_some_and(|last| position < last) {
            self.is_counted = false;
        } else if is_exact {
            self.exact_until = Some(position);
            self.ranks.iter_mut().for_each(|ranks| ranks.push(position));
        }
    }
}

/// The apps of a tenant.
#[derive(Debug, Default)]
pub(crate) struct AppTable {
    apps: Vec<App>,
    by_ref: HashTable<u32>,
    by_hash: HashMap<u64, u32>,
    /// Apps by the number that enrichment gives a reference under its key: who has one that stands here need look at neither of the texts.
    by_number: HashMap<u64, u32>,
    groups: Vec<Group>,
    by_key: HashMap<Arc<str>, u32>,
    hasher: DefaultHashBuilder,
    /// Does a group wait to be counted?
    has_uncounted: bool,
    /// Groups that hold the ranks of their people.
    ranked: Vec<u32>,
}

impl AppTable {
    /// The app at an index.
    pub(crate) fn get(&self, index: u32) -> Option<&App> {
        self.apps.get(usize::try_from(index).ok()?)
    }

    /// The app at an index, to be changed.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut App> {
        self.apps.get_mut(usize::try_from(index).ok()?)
    }

    /// The group at an index.
    pub(crate) fn group(&self, index: u32) -> Option<&Group> {
        self.groups.get(usize::try_from(index).ok()?)
    }

    /// The group at an index, to be changed.
    fn group_mut(&mut self, index: u32) -> Option<&mut Group> {
        self.groups.get_mut(usize::try_from(index).ok()?)
    }

    /// The indexes of the apps that go by a key.
    pub(crate) fn members(&self, app_key: &str) -> Vec<u32> {
        let group = self.by_key.get(app_key).and_then(|group| self.group(*group));
        group.map(|group| group.members.clone()).unwrap_or_default()
    }

    /// The group of an app.
    pub(crate) fn group_of(&self, app: u32) -> Option<&Group> {
        self.group(self.get(app)?.group?)
    }

    /// Every app that was met or restored.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &App> {
        self.apps.iter()
    }

    /// The index of a known app.
    pub(crate) fn find(&self, app: &AppRef<'_>) -> Option<u32> {
        let hash = self.hasher.hash_one((app.source, app.id_kind, app.id));
        let is_same = |index: &u32| self.get(*index).is_some_and(|known| known.is(app));
        self.by_ref.find(hash, is_same).copied()
    }

    /// The index of the app that has a number, if it was noted since an app went by another key.
    pub(crate) fn numbered(&self, number: u64) -> Option<u32> {
        self.by_number.get(&number).copied()
    }

    /// Notes the number of an app, which goes by the key that the number stands for. 0 is none.
    pub(crate) fn note_number(&mut self, number: u64, app: u32) {
        if number == 0 {
            return;
        }
        if self.by_number.len() >= NUMBERS_MAX {
            self.by_number.clear();
        }
        self.by_number.insert(number, app);
    }

    /// The index of a known app by its stable hash; a place for it when only its pairs are restored so far.
    pub(crate) fn place(&mut self, hash: u64) -> u32 {
        if let Some(index) = self.by_hash.get(&hash) {
            return *index;
        }
        let index = next_index(self.apps.len());
        let empty: Arc<str> = Arc::from("");
        self.apps.push(App {
            source: Source::Mapped,
            id_kind: AppIdKind::None,
            id: empty.clone(),
            hash,
            name: empty.clone(),
            first_key: empty,
            first: AppFirst::default(),
            pairs: Pairs::default(),
            group: None,
        });
        self.by_hash.insert(hash, index);
        index
    }

    /// Takes in an app under its keys and gives its index.
    pub(crate) fn insert(&mut self, app: &AppRef<'_>, name: &str, first_key: &str, app_key: &str) -> u32 {
        let index = self.place(stable_hash_64(app));
        if let Some(place) = self.get_mut(index) {
            place.source = app.source;
            place.id_kind = app.id_kind;
            place.id = Arc::from(app.id);
            place.name = Arc::from(name);
            place.first_key = Arc::from(first_key);
        }
        let hasher = &self.hasher;
        let apps = &self.apps;
        let rehash = |index: &u32| {
            let known = usize::try_from(*index).ok().and_then(|index| apps.get(index));
            known.map_or(0, |known| hasher.hash_one((known.source, known.id_kind, &*known.id)))
        };
        let is_same = |known: &u32| *known == index;
        let hash = hasher.hash_one((app.source, app.id_kind, app.id));
        self.by_ref.entry(hash, is_same, rehash).or_insert(index);
        self.set_group(index, app_key);
        index
    }

    /// Puts an app into the group of a key.
    pub(crate) fn set_group(&mut self, app: u32, app_key: &str) {
        let group = self.group_by_key(app_key);
        let previous = self.get_mut(app).and_then(|known| known.group.replace(group));
        if previous == Some(group) {
            return;
        }
        self.by_number.clear();
        if let Some(previous) = previous.and_then(|previous| self.group_mut(previous)) {
            previous.members.retain(|member| *member != app);
        }
        if let Some(group) = self.group_mut(group) {
            group.members.push(app);
        }
        if self.get(app).is_some_and(|known| known.pairs.len() > 0) {
            self.uncount(Some(group));
            self.uncount(previous);
        }
    }

    /// Makes room for the pairs of an app of which the ledger holds so many.
    pub(crate) fn reserve_pairs(&mut self, app: u32, pairs: usize) {
        self.get_mut(app).into_iter().for_each(|known| known.pairs.reserve(pairs));
    }

    /// Takes in a pair of the ledger.
    pub(crate) fn restore_pair(&mut self, app: u32, pair: Pair) {
        let Some(known) = self.get_mut(app) else { return };
        known.pairs.set(pair);
        let group = known.group;
        self.uncount(group);
    }

    /// Takes in pairs of the ledger, the latest of a person last.
    pub(crate) fn restore_pairs(&mut self, hash: u64, pairs: Vec<Pair>) {
        let app = self.place(hash);
        let Some(known) = self.get_mut(app) else { return };
        known.pairs.set_all(pairs);
        let group = known.group;
        self.uncount(group);
    }

    /// Takes out a pair.
    pub(crate) fn forget_pair(&mut self, hash: u64, person: UserKey) {
        let Some(index) = self.by_hash.get(&hash).copied() else { return };
        if self.get_mut(index).is_some_and(|app| app.pairs.remove(person)) {
            let group = self.get(index).and_then(|app| app.group);
            self.uncount(group);
        }
    }

    /// Takes out what is known of an app but its pairs. Its place stays, as that of an app of which only pairs were restored.
    pub(crate) fn forget_app(&mut self, app: &AppRef<'_>) {
        let Some(index) = self.find(app) else { return };
        let hash = self.hasher.hash_one((app.source, app.id_kind, app.id));
        if let Ok(known) = self.by_ref.find_entry(hash, |known| *known == index) {
            known.remove();
        }
        let group = self.get_mut(index).and_then(|known| {
            known.first = AppFirst::default();
            known.group.take()
        });
        if let Some(known) = group.and_then(|group| self.group_mut(group)) {
            known.members.retain(|member| *member != index);
        }
        self.uncount(group);
    }

    /// Where this person first met another reference of the same app.
    pub(crate) fn met_elsewhere(&self, app: u32, person: UserKey) -> Option<Packed> {
        let others = self.group_of(app)?.members.iter().filter(|member| **member != app);
        let pairs = others.filter_map(|member| self.get(*member)?.pairs.get(person));
        pairs.filter(|pair| pair.is_met()).map(Pair::position).min()
    }

    /// A person has met a group for the first time, at a position.
    pub(crate) fn add_person(&mut self, group: u32, position: Packed, ranks_max: usize) {
        let Some(known) = self.group_mut(group) else { return };
        known.add_person(position, ranks_max);
        if !known.is_counted {
            self.uncount(Some(group));
        }
    }

    /// A person turns out to have met a group earlier in the log, by another reference.
    pub(crate) fn move_person(&mut self, group: u32) {
        self.uncount(Some(group));
    }

    /// How many people had met a group up to and with this position.
    pub(crate) fn rank(&mut self, group: u32, position: Packed, ranks_max: usize) -> u32 {
        self.count(ranks_max);
        let Some(known) = self.group(group) else { return 0 };
        match known.exact_until.map(|last| position.cmp(&last)) {
            None | Some(Ordering::Greater) => return known.people,
            // Whoever came last is asked about most: he has just come.
            Some(Ordering::Equal) => return known.people.min(u32::try_from(ranks_max).unwrap_or(u32::MAX)),
            Some(Ordering::Less) => {}
        }
        if known.ranks.is_none() {
            let (ranks, _) = self.ranks_of(group, ranks_max);
            self.ranked.push(group);
            if let Some(known) = self.group_mut(group) {
                known.ranks = Some(ranks);
            }
        }
        let ranks = self.group(group).and_then(|known| known.ranks.as_deref()).unwrap_or_default();
        u32::try_from(ranks.partition_point(|rank| *rank <= position)).unwrap_or(u32::MAX)
    }

    /// Drops the ranks that a replay has asked for.
    pub(crate) fn forget_ranks(&mut self) {
        for group in std::mem::take(&mut self.ranked) {
            self.group_mut(group).into_iter().for_each(|known| known.ranks = None);
        }
    }

    /// Counts the people of those groups that wait for it.
    pub(crate) fn count(&mut self, ranks_max: usize) {
        if !self.has_uncounted {
            return;
        }
        self.has_uncounted = false;
        for index in 0..next_index(self.groups.len()) {
            if self.group(index).is_some_and(|group| !group.is_counted) {
                let (ranks, people) = self.ranks_of(index, ranks_max);
                if let Some(group) = self.group_mut(index) {
                    (group.people, group.exact_until) = (people, ranks.last().copied());
                    (group.ranks, group.is_counted) = (None, true);
                }
            }
        }
    }

    /// Where the first people of a group stand in the log, in order, and how many people there are in all.
    fn ranks_of(&self, group: u32, ranks_max: usize) -> (Vec<Packed>, u32) {
        let Some(group) = self.group(group) else { return (Vec::new(), 0) };
        let (mut ranks, mut people) = (Vec::new(), 0u32);
        for member in &group.members {
            // A person with several references of one app counts where they met it first.
            let is_first = |pair: &&Pair| {
                let elsewhere = self.met_elsewhere(*member, pair.user_key);
                pair.is_met() && elsewhere.is_none_or(|other| pair.position() <= other)
            };
            let pairs = self.get(*member).into_iter().flat_map(|app| app.pairs.iter());
            for pair in pairs.filter(is_first) {
                people = people.saturating_add(1);
                ranks.push(pair.position());
                // Twice as many as are asked for at most, however many people there are.
                if ranks.len() >= ranks_max.saturating_mul(2).max(1_024) {
                    keep_first(&mut ranks, ranks_max);
                }
            }
        }
        keep_first(&mut ranks, ranks_max);
        ranks.sort_unstable();
        ranks.shrink_to_fit();
        (ranks, people)
    }

    fn uncount(&mut self, group: Option<u32>) {
        if let Some(group) = group.and_then(|group| self.group_mut(group)) {
            group.is_counted = false;
            self.has_uncounted = true;
        }
    }

    /// The first use or grant of any member of a group.
    pub(crate) fn first_met(&self, group: u32) -> Option<(Position, EventId)> {
        self.group(group)?.members.iter().filter_map(|member| self.get(*member)?.first_met()).min()
    }

    fn group_by_key(&mut self, key: &str) -> u32 {
        if let Some(index) = self.by_key.get(key) {
            return *index;
        }
        let index = next_index(self.groups.len());
        let key: Arc<str> = Arc::from(key);
        self.groups.push(Group {
            key: key.clone(),
            members: Vec::new(),
            people: 0,
            exact_until: None,
            ranks: None,
            is_counted: true,
        });
        self.by_key.insert(key, index);
        index
    }
}

/// Keeps the smallest of them, in no order.
fn keep_first(ranks: &mut Vec<Packed>, ranks_max: usize) {
    if ranks.len() > ranks_max {
        if ranks_max > 0 {
            ranks.select_nth_unstable(ranks_max - 1);
        }
        ranks.truncate(ranks_max);
    }
}

/// The index that the next entry gets. Four thousand million apps do not fit into memory, so the border is never met.
fn next_index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
