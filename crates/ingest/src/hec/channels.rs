//! Acknowledgement ids: a number for each delivery of a channel.
//!
//! A client is answered when the log has its delivery, so every number that was given names a safe one, and a channel is remembered as the
//! next number alone. A channel that is forgotten (long silent, pushed out by others, a restart) answers *false*: the client sends again,
//! and what came twice is one event.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

/// Most channels. A client has one, or one for each of its workers.
const CHANNELS_MAX: usize = 10_000;
/// After so long without a word a channel is forgotten. Clients ask for some minutes at most.
const SILENCE_MAX: Duration = Duration::from_secs(60 * 60);

/// A channel's name: a GUID, in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Channel(u128);

impl Channel {
    /// Reads 32 hexadecimal digits in five groups.
    pub(super) fn parse(text: &str) -> Option<Channel> {
        let groups: Vec<&str> = text.trim().split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let digits = groups.concat();
        let is_guid = lengths == [8, 4, 4, 4, 12] && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_guid.then(|| u128::from_str_radix(&digits, 16).ok()).flatten().map(Channel)
    }
}

/// The channels of every connection.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    /// By connection and name: the next number, and when it was last spoken of.
    channels: HashMap<(String, Channel), (u64, Instant)>,
}

impl Channels {
    /// The number of a delivery that the log has.
    pub(super) fn next_id(&mut self, connection: &str, channel: Channel) -> u64 {
        self.next_id_at(connection, channel, Instant::now())
    }

    /// How many numbers of a channel were given.
    pub(super) fn known(&mut self, connection: &str, channel: Channel) -> u64 {
        self.known_at(connection, channel, Instant::now())
    }

    fn next_id_at(&mut self, connection: &str, channel: Channel, now: Instant) -> u64 {
        let key = (connection.to_owned(), channel);
        if !self.channels.contains_key(&key) {
            self.make_room(now);
        }
        let (next, last) = self.channels.entry(key).or_insert((0, now));
        let id = *next;
        (*next, *last) = (id.saturating_add(1), now);
        id
    }

    fn known_at(&mut self, connection: &str, channel: Channel, now: Instant) -> u64 {
        let found = self.channels.get_mut(&(connection.to_owned(), channel));
        found.map_or(0, |(next, last)| {
            *last = now;
            *next
        })
    }

    /// Forgets the silent ones when there is no room, and of those that are not, the one that has been for longest.
    fn make_room(&mut self, now: Instant) {
        if self.channels.len() < CHANNELS_MAX {
            return;
        }
        self.channels.retain(|_, (_, last)| now.saturating_duration_since(*last) < SILENCE_MAX);
        if self.channels.len() < CHANNELS_MAX {
            return;
        }
        let oldest = self.channels.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.channels.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_up_in_each_channel_and_none_is_true_before_it_was_given() {
        let mut channels = Channels::default();
        let one = Channel::parse("0AECC8E6-F5EE-4AB6-9C02-5D0FBA3A5AE1").unwrap();
        assert_eq!(Channel::parse("0aecc8e6-f5ee-4ab6-9c02-5d0fba3a5ae1"), Some(one));
        assert_eq!((channels.next_id("a", one), channels.next_id("a", one), channels.next_id("b", one)), (0, 1, 0));
        assert_eq!((channels.known("a", one), channels.known("b", one), channels.known("c", one)), (2, 1, 0));
    }

    #[test]
    fn what_is_no_guid_is_no_channel() {
        for text in [
            "",
            "1",
            "0AECC8E6F5EE4AB69C025D0FBA3A5AE1",
            "0AECC8E6-F5EE-4AB6-9C02-5D0FBA3A5AEx",
            "+AECC8E6-F5EE-4AB6-9C02-5D0FBA3A5AE1",
        ] {
            assert_eq!(Channel::parse(text), None, "{text}");
        }
    }

    #[test]
    fn channels_are_bounded_and_the_longest_silent_one_goes_first() {
        let mut channels = Channels::default();
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        for number in 0..u64::try_from(CHANNELS_MAX).unwrap() {
            channels.next_id_at("a", Channel(u128::from(number)), at(number));
        }
        assert_eq!(channels.known_at("a", Channel(0), at(20_000)), 1, "it was just spoken of");
        channels.next_id_at("a", Channel(u128::MAX), at(20_001));
        assert_eq!(channels.channels.len(), CHANNELS_MAX);
        let known = |channels: &mut Channels, channel| channels.known_at("a", Channel(channel), at(20_002));
        assert_eq!((known(&mut channels, 0), known(&mut channels, 1), known(&mut channels, 2)), (1, 0, 1));
        let later = begin + SILENCE_MAX + Duration::from_secs(60);
        channels.next_id_at("a", Channel(u128::MAX - 1), later);
        assert_eq!(channels.channels.len(), 1, "the silent ones are forgotten together");
    }
}
