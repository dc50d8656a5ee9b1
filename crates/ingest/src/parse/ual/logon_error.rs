//! The codes behind the names of sign-in errors, for records that tell only the name (Microsoft's reference of AADSTS error codes).

/// Name and code, sorted by name.
const CODES: [(&str, &str); 33] = [
    ("AdminConsentRequired", "90094"),
    ("AdminConsentRequiredDueToRiskyApp", "900941"),
    ("AdminConsentRequiredRequestAccess", "90095"),
    ("ApplicationUsedIsNotAnApprovedApp", "53002"),
    ("BlockedByConditionalAccess", "53003"),
    ("BrokerAppNotInstalled", "50127"),
    ("CmsiInterrupt", "50199"),
    ("DelegationDoesNotExist", "65001"),
    ("DesktopSsoAuthTokenInvalid", "81010"),
    ("DeviceAuthenticationRequired", "50097"),
    ("DeviceIsNotWorkplaceJoined", "50129"),
    ("DeviceNotCompliant", "53000"),
    ("DeviceNotDomainJoined", "53001"),
    ("EntitlementGrantsNotFound", "50105"),
    ("ExternalSecurityChallenge", "50158"),
    ("FlowTokenExpired", "50089"),
    ("ForceReauthDueToInsufficientAuth", "51006"),
    ("InvalidPasswordExpiredOnPremPassword", "50144"),
    ("InvalidPasswordExpiredPassword", "50055"),
    ("InvalidUserNameOrPassword", "50126"),
    ("KmsiInterrupt", "50140"),
    ("PasswordResetRegistrationRequiredInterrupt", "50125"),
    ("ProofUpBlockedDueToRisk", "53004"),
    ("SelectUserAccount", "16000"),
    ("SessionMismatch", "50143"),
    ("SsoArtifactInvalidOrExpired", "50132"),
    ("SsoArtifactRevoked", "50133"),
    ("UserDeclinedConsent", "65004"),
    ("UserInformationNotProvided", "50058"),
    ("UserStrongAuthClientAuthNRequired", "50074"),
    ("UserStrongAuthClientAuthNRequiredInterrupt", "50076"),
    ("UserStrongAuthEnrollmentRequired", "50079"),
    ("UserStrongAuthEnrollmentRequiredInterrupt", "50072"),
];

/// The code of an error; the name itself where nobody knows it.
pub(crate) fn code(name: &str) -> &str {
    let found = CODES.binary_search_by_key(&name, |(name, _)| name);
    found.ok().and_then(|at| CODES.get(at)).map_or(name, |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_unknown_names_stay_names() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!((code("DelegationDoesNotExist"), code("SomethingNew"), code("")), ("65001", "SomethingNew", ""));
    }
}
