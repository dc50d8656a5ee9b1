//! The activities of the directory audit log that concern apps and grants.

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// The authoritative record of a consent.
    Consent,
    /// A consent was taken back as a whole.
    ConsentRevoked,
    /// A companion of a consent: what the app may do for people.
    DelegatedGrant,
    /// Called a removal, and usually an expansion: only the difference of the scopes tells.
    DelegatedChange,
    /// What the app may do by itself.
    RoleToApp,
    /// Taken from the app again.
    RoleFromApp,
    /// A person was assigned to an app, by themselves (a companion of a consent) or by somebody else.
    RoleToUser,
    /// Taken from the person again.
    RoleFromUser,
    /// A group was assigned to an app.
    RoleToGroup,
    /// Taken from the group again.
    RoleFromGroup,
    /// An app was registered, or given credentials.
    ApplicationAdded,
    /// An app appeared in the tenant.
    ServicePrincipalAdded,
    /// An app disappeared.
    Removed,
    /// An account was disabled; of interest when it is an app's.
    AccountDisabled,
    /// Who may consent to what, and who may invite whom, was changed for the whole directory.
    AuthorizationPolicyChanged,
}

impl Activity {
    /// The activity of that name. Names are compared without case, outer spaces and a final full stop, and with any dash: the same one is
    /// written differently by each log.
    pub(crate) fn of(name: &str) -> Option<Activity> {
        let name = name.trim();
        let name = name.strip_suffix('.').unwrap_or(name).trim_end().to_lowercase().replace(['–', '—'], "-");
        Some(match name.as_str() {
            "consent to application" => Activity::Consent,
            "revoke consent" => Activity::ConsentRevoked,
            "add delegated permission grant" | "add oauth2permissiongrant" => Activity::DelegatedGrant,
            "remove delegated permission grant" | "remove oauth2permissiongrant" => Activity::DelegatedChange,
            "add app role assignment to service principal" => Activity::RoleToApp,
            "remove app role assignment from service principal" => Activity::RoleFromApp,
            "add app role assignment grant to user" => Activity::RoleToUser,
            "remove app role assignment grant from user" | "remove app role assignment from user" => {
                Activity::RoleFromUser
            }
            "add app role assignment grant to group" | "add app role assignment to group" => Activity::RoleToGroup,
            "remove app role assignment grant from group" | "remove app role assignment from group" => {
                Activity::RoleFromGroup
            }
            "add application"
            | "update application - certificates and secrets management"
            | "create application - certificates and secrets management" => Activity::ApplicationAdded,
            "add service principal" => Activity::ServicePrincipalAdded,
            "remove service principal"
            | "hard delete service principal"
            | "delete application"
            | "hard delete application" => Activity::Removed,
            "disable account" => Activity::AccountDisabled,
            "update authorization policy" => Activity::AuthorizationPolicyChanged,
            _ => return None,
        })
    }
}
