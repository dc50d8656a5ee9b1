//! What a directory audit grants or takes back.

use std::collections::BTreeSet;

use event::{ConsentType, ParseWarning, ParseWarnings};

use super::{
    activity::Activity,
    audit_app, permissions,
    values::{modified, new_value},
    wire::Properties,
};
use crate::parse::stamp::tokens;

/// The grant of a directory audit.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) scopes: String,
    pub(crate) added: String,
    pub(crate) removed: String,
    pub(crate) resources: String,
    pub(crate) consent_type: ConsentType,
    pub(crate) id: String,
}

impl Grant {
    /// The grant of an activity; empty for those that grant nothing.
    pub(crate) fn of(activity: Activity, properties: &Properties<'_>, warnings: &mut ParseWarnings) -> Grant {
        if properties.targets.is_cut {
            warnings.add(ParseWarning::ListCut);
        }
        match activity {
            Activity::Consent | Activity::ConsentRevoked => consent(properties, warnings),
            Activity::DelegatedGrant | Activity::DelegatedChange => delegated(properties, warnings),
            Activity::RoleToApp | Activity::RoleFromApp => role(activity, properties, warnings),
            _ => Grant::none(),
        }
    }

    const fn none() -> Grant {
        Grant {
            scopes: String::new(),
            added: String::new(),
            removed: String::new(),
            resources: String::new(),
            consent_type: ConsentType::Unknown,
            id: String::new(),
        }
    }
}

/// One consent over n resources is one grant: the changed entries together.
fn consent(properties: &Properties<'_>, warnings: &mut ParseWarnings) -> Grant {
    let targets = &properties.targets;
    let is_set = |name: &str| new_value(targets, name).eq_ignore_ascii_case("true");
    let text = new_value(targets, "ConsentAction.Permissions");
    let change = permissions::read(&text).unwrap_or_else(|| {
        warnings.add(ParseWarning::PermissionsUnread);
        permissions::Change::default()
    });
    let is_for_all = change.changed.iter().any(|entry| entry.consent_type == "AllPrincipals");
    let consent_type = if is_set("ConsentContext.OnBehalfOfAll") || is_for_all {
        ConsentType::TenantWide
    } else if is_set("ConsentContext.IsAppOnly") {
        ConsentType::Application
    } else if is_set("ConsentContext.IsAdminConsent") {
        ConsentType::AdminSelf
    } else {
        ConsentType::User
    };
    Grant {
        scopes: tokens(change.changed.iter().map(|entry| entry.scope), warnings),
        added: tokens(change.added.iter().copied(), warnings),
        removed: tokens(change.removed.iter().copied(), warnings),
        resources: tokens(change.changed.iter().map(|entry| entry.resource), warnings),
        consent_type,
        id: change.changed.first().map_or_else(String::new, |entry| entry.id.to_owned()),
    }
}

/// A delegated grant, before and after. What was taken away is the matter of a grant that shrank.
fn delegated(properties: &Properties<'_>, warnings: &mut ParseWarnings) -> Grant {
    let targets = &properties.targets;
    let (old, new) = modified(targets, "DelegatedPermissionGrant.Scope").unwrap_or_else(|| {
        warnings.add(ParseWarning::PermissionsUnread);
        Default::default()
    });
    let (held, holds) = (permissions::tokens(&old), permissions::tokens(&new));
    let (added, removed): (BTreeSet<&str>, BTreeSet<&str>) = (&holds - &held, &held - &holds);
    let about = if added.is_empty() && !removed.is_empty() { &removed } else { &holds };
    let consent_type = match &*new_value(targets, "DelegatedPermissionGrant.ConsentType") {
        "AllPrincipals" => ConsentType::TenantWide,
        "Principal" => ConsentType::User,
        _ => ConsentType::Unknown,
    };
    Grant {
        scopes: tokens(about.iter().copied(), warnings),
        added: tokens(added, warnings),
        removed: tokens(removed, warnings),
        resources: resource(properties, warnings),
        consent_type,
        id: String::new(),
    }
}

/// An application permission: the role is the scope.
fn role(activity: Activity, properties: &Properties<'_>, warnings: &mut ParseWarnings) -> Grant {
    let (old, new) = modified(&properties.targets, "AppRole.Value").unwrap_or_default();
    let value = tokens([if new.is_empty() { &*old } else { &*new }], warnings);
    let (added, removed) = match activity {
        Activity::RoleToApp => (value.clone(), String::new()),
        _ => (String::new(), value.clone()),
    };
    let resources = resource(properties, warnings);
    Grant { scopes: value, added, removed, resources, consent_type: ConsentType::Application, id: String::new() }
}

/// The API: the target itself.
fn resource(properties: &Properties<'_>, warnings: &mut ParseWarnings) -> String {
    tokens(audit_app::target(properties).map(|target| &*target.id), warnings)
}
