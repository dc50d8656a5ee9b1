//! The whole, tested: real servers, a small HTTP client, native events of our own invention, and patience with a deadline.

pub mod events;
pub mod fakes;
pub mod http;
pub mod load;
mod patience;
pub mod servers;
pub mod tls;

pub use patience::poll;
