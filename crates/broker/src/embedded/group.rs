//! A consumer group inside one process: who owns which partition, and how a partition changes hands. Pure.
//!
//! A partition moves in two steps. It is first taken from its owner, who learns it at its next poll (`Revoked`); only then is it given to the
//! next (`Assigned`). So two members never own a partition at a time, and whoever does not own it cannot commit it. An owner that never
//! polls keeps its partitions: within one process there is no sleeping stranger who could wake up later, only a hung thread.

use std::collections::BTreeMap;

/// Who is in the group, by a number that is never given twice.
pub(super) type MemberId = u64;

/// One group on one topic.
#[derive(Debug, Default)]
pub(super) struct Group {
    members: Vec<MemberId>,
    partitions: u32,
    owners: BTreeMap<u32, Owner>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    member: MemberId,
    /// The owner was told that it owns the partition.
    knows: bool,
}

/// What a member must be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Revoked(Vec<u32>),
    Assigned(Vec<u32>),
}

impl Group {
    pub(super) fn new(partitions: u32) -> Self {
        Self { partitions, ..Self::default() }
    }

    pub(super) fn join(&mut self, member: MemberId) {
        self.members.push(member);
        self.give_free_partitions();
    }

    pub(super) fn leave(&mut self, member: MemberId) {
        self.members.retain(|other| *other != member);
        self.owners.retain(|_, owner| owner.member != member);
        self.give_free_partitions();
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What the member has to hear now, if anything; telling it makes it so.
    pub(super) fn take_change(&mut self, member: MemberId) -> Option<Change> {
        let surplus = self.surplus(member);
        if !surplus.is_empty() {
            self.owners.retain(|partition, _| !surplus.contains(partition));
            self.give_free_partitions();
            return Some(Change::Revoked(surplus));
        }
        let fresh: Vec<u32> =
            self.owned(member).filter(|(_, owner)| !owner.knows).map(|(partition, _)| partition).collect();
        for partition in &fresh {
            self.owners.insert(*partition, Owner { member, knows: true });
        }
        (!fresh.is_empty()).then_some(Change::Assigned(fresh))
    }

    /// Whether the member owns the partition and was told so.
    pub(super) fn owns(&self, member: MemberId, partition: u32) -> bool {
        self.owners.get(&partition) == Some(&Owner { member, knows: true })
    }

    /// What the member must give away for others to have their share: the highest partitions beyond its own share.
    fn surplus(&self, member: MemberId) -> Vec<u32> {
        let mut known: Vec<u32> =
            self.owned(member).filter(|(_, owner)| owner.knows).map(|(partition, _)| partition).collect();
        let (floor, ceiling_seats) = self.shares();
        let share = match self.members.iter().position(|other| *other == member) {
            Some(seat) if seat < ceiling_seats => floor + 1,
            Some(_) => floor,
            None => 0,
        };
        known.split_off(share.min(known.len()))
    }

    /// Deals each partition, whose owner is nobody or has not heard of it yet, to the member that misses most of its share.
    fn give_free_partitions(&mut self) {
        self.owners.retain(|_, owner| owner.knows);
        let (floor, ceiling_seats) = self.shares();
        for partition in 0..self.partitions {
            if self.owners.contains_key(&partition) {
                continue;
            }
            let neediest = self.members.iter().enumerate().map(|(seat, member)| {
                let share = floor + usize::from(seat < ceiling_seats);
                (share.saturating_sub(self.owned(*member).count()), std::cmp::Reverse(seat), *member)
            });
            if let Some((need, _, member)) = neediest.max()
                && need > 0
            {
                self.owners.insert(partition, Owner { member, knows: false });
            }
        }
    }

    /// How many partitions everybody gets, and how many of the first members get one more.
    fn shares(&self) -> (usize, usize) {
        let partitions = usize::try_from(self.partitions).unwrap_or(usize::MAX);
        let members = self.members.len().max(1);
        (partitions / members, partitions % members)
    }

    fn owned(&self, member: MemberId) -> impl Iterator<Item = (u32, Owner)> {
        self.owners
            .iter()
            .filter(move |(_, owner)| owner.member == member)
            .map(|(partition, owner)| (*partition, *owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_given_only_after_its_owner_heard_that_it_lost_it() {
        let mut group = Group::new(4);
        group.join(1);
        assert_eq!(group.take_change(1), Some(Change::Assigned(vec![0, 1, 2, 3])));
        group.join(2);
        assert_eq!(group.take_change(2), None, "the first has not polled yet");
        assert!(group.owns(1, 3), "and may still commit");
        assert_eq!(group.take_change(1), Some(Change::Revoked(vec![2, 3])));
        assert!(!group.owns(1, 3));
        assert_eq!(group.take_change(2), Some(Change::Assigned(vec![2, 3])));
        assert_eq!((group.take_change(1), group.take_change(2)), (None, None));
    }

    #[test]
    fn whoever_leaves_gives_everything_back() {
        let mut group = Group::new(3);
        group.join(1);
        group.join(2);
        assert_eq!(group.take_change(1), Some(Change::Assigned(vec![0, 1])));
        assert_eq!(group.take_change(2), Some(Change::Assigned(vec![2])));
        group.leave(1);
        assert_eq!(group.take_change(2), Some(Change::Assigned(vec![0, 1])));
        assert!((0..3).all(|partition| group.owns(2, partition)));
        group.leave(2);
        assert!(group.is_empty());
    }

    #[test]
    fn members_beyond_the_partitions_own_nothing_until_one_leaves() {
        let mut group = Group::new(1);
        group.join(1);
        group.join(2);
        assert_eq!(group.take_change(1), Some(Change::Assigned(vec![0])));
        assert_eq!(group.take_change(2), None);
        group.leave(1);
        assert_eq!(group.take_change(2), Some(Change::Assigned(vec![0])));
    }

    #[test]
    fn shares_settle_for_every_order_of_joining_and_leaving() {
        for seed in 0..200u64 {
            let mut group = Group::new(7);
            let mut members: Vec<MemberId> = Vec::new();
            let mut random = seed;
            for step in 0..12 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if members.len() > 1 && random >> 63 == 0 {
                    let gone = members.remove((random >> 33) as usize % members.len());
                    group.leave(gone);
                } else {
                    members.push(step);
                    group.join(step);
                }
                if random >> 62 & 1 == 0 {
                    group.take_change(members[0]);
                }
            }
            for _ in 0..20 {
                for member in &members {
                    group.take_change(*member);
                }
            }
            let counts: Vec<usize> = members
                .iter()
                .map(|member| (0..7).filter(|partition| group.owns(*member, *partition)).count())
                .collect();
            assert_eq!(counts.iter().sum::<usize>(), 7, "seed {seed}: {counts:?}");
            assert!(counts.iter().all(|count| count.abs_diff(7 / members.len()) <= 1), "seed {seed}: {counts:?}");
        }
    }
}
