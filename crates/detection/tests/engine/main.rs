//! The engine as its callers see it: rules on fixtures, what public rules get wrong, replays, restarts, orders of arrival.

mod clicks;
mod company;
mod fixtures;
mod orders;
mod public_rules;
mod replays;
