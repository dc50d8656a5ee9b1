//! The parsers on native events, hand-written in the shapes that providers send: each gotcha and decision of formats.md by its name.

#[cfg(test)]
mod check;
mod cross_cutting;
mod entra_decisions;
mod entra_gotchas;
mod okta_gotchas;
mod okta_kinds;
mod split;
