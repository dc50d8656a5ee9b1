//! What the error code of a sign-in means (formats.md, section 3 and the decisions of section 6).

use event::{Kind, Outcome};

/// The person was asked for more: a second factor, a new password, a device, a choice.
const CHALLENGES: [u32; 21] = [
    16_000, 50_055, 50_058, 50_072, 50_074, 50_076, 50_079, 50_089, 50_097, 50_125, 50_127, 50_129, 50_132, 50_133,
    50_140, 50_143, 50_144, 50_158, 50_199, 51_006, 81_010,
];

/// The app needs a consent that the person cannot give, or has not given yet: somebody wants it.
const REQUESTS: [u32; 4] = [65_001, 90_094, 90_095, 900_941];

/// The person declined the consent, is not assigned to the app, or the app is not in the tenant.
const DENIALS: [u32; 3] = [50_105, 65_004, 700_016];

/// Conditional access said no.
const REFUSALS: [u32; 6] = [53_000, 53_001, 53_002, 53_003, 53_004, 530_032];

/// Kind and outcome of a sign-in that ended with `code`; `success` is the kind of one that ended well.
pub(crate) fn meaning(code: u32, success: Kind) -> (Kind, Outcome) {
    match code {
        0 => (success, Outcome::Success),
        code if CHALLENGES.contains(&code) => (Kind::LoginChallenge, Outcome::Challenge),
        code if REQUESTS.contains(&code) => (Kind::OauthRequest, Outcome::Challenge),
        code if DENIALS.contains(&code) => (Kind::OauthDenied, Outcome::Denied),
        code if REFUSALS.contains(&code) => (Kind::LoginFailure, Outcome::Denied),
        _ => (Kind::LoginFailure, Outcome::Failure),
    }
}
