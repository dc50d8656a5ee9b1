//! The parsers on native events, hand-written in the shapes that providers send: each gotcha and decision of formats.md by its name.

#[cfg(test)]
mod auth0;
#[cfg(test)]
mod check;
#[cfg(test)]
mod cross_cutting;
#[cfg(test)]
mod dropbox;
#[cfg(test)]
mod entra_decisions;
#[cfg(test)]
mod entra_gotchas;
#[cfg(test)]
mod github;
#[cfg(test)]
mod google_decisions;
#[cfg(test)]
mod google_gotchas;
#[cfg(test)]
mod hard_days;
#[cfg(test)]
mod mapped;
#[cfg(test)]
mod mapped_bodies;
#[cfg(test)]
mod mapped_files;
#[cfg(test)]
mod okta_gotchas;
#[cfg(test)]
mod okta_kinds;
#[cfg(test)]
mod onelogin;
#[cfg(test)]
mod salesforce;
#[cfg(test)]
mod slack;
#[cfg(test)]
mod split;
#[cfg(test)]
mod ual_gotchas;
