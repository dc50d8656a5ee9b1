//! What arrives at once: a body of bytes that holds many native events, and what may be kept of the parts that nobody could read.
//!
//! Nothing here knows HTTP or the log. `Elements` delimits without parsing (one broken event must never cost a good one), `scrub` takes
//! known secrets out of what goes to the dead letters.

mod envelope;
mod failed_login;
pub(crate) mod scan;
mod scrub;
mod split;

pub use envelope::Framing;
pub use scrub::{Scrubbed, TEXT_OF_TOO_LARGE_BYTES_MAX, scrub};
pub use split::{Element, Elements, Fault};

/// Most events that one delivery may hold; a sender that has more sends several deliveries.
pub const EVENTS_PER_DELIVERY_MAX: usize = 10_000;

/// Most bytes that one native event may have. The largest real one that we have seen is 18 KB; sign-ins with many conditional-access
/// policies reach 100 KB.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting that a native event may have. Real ones stay below 12.
pub const JSON_DEPTH_MAX: usize = 64;
