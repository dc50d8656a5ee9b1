//! Which app a directory audit is about. Each activity tells it in another place, and some tell the *resource's* id in the usual one.

use std::borrow::Cow;

use event::{AppIdKind, AppRef, Source};

use super::{
    activity::Activity,
    values::{first_guid, is_zero_guid, modified, new_value, unless_zero},
    wire::{Properties, Target},
};

/// An app, as far as the record tells.
#[derive(Clone, Debug)]
pub(crate) struct AuditApp<'a> {
    /// The global app id; empty where only the object is told.
    pub(crate) id: Cow<'a, str>,
    /// The object in this tenant.
    pub(crate) object_id: Cow<'a, str>,
    /// The name as delivered.
    pub(crate) name: Cow<'a, str>,
}

impl<'a> AuditApp<'a> {
    /// The app of an activity.
    pub(crate) fn of(activity: Activity, properties: &'a Properties<'a>) -> AuditApp<'a> {
        let targets = &properties.targets;
        let property = |name: &str| new_value(targets, name);
        let names = || guid_of(property("TargetId.ServicePrincipalNames"));
        let detail = || {
            properties
                .details
                .iter()
                .find(|detail| &*detail.key == "AppId")
                .map_or(Cow::Borrowed(""), |detail| Cow::Borrowed(&*detail.value))
        };
        let either = |name: &str| {
            modified(targets, name).map_or(Cow::Borrowed(""), |(old, new)| if new.is_empty() { old } else { new })
        };
        let id = match activity {
            // The target is the resource, and so is the AppId among the details (in most versions).
            Activity::DelegatedGrant | Activity::DelegatedChange | Activity::RoleToApp | Activity::RoleFromApp => {
                let id = property("ServicePrincipal.AppId");
                return AuditApp {
                    id: if is_zero_guid(&id) { Cow::Borrowed("") } else { id },
                    object_id: property("ServicePrincipal.ObjectID"),
                    name: property("ServicePrincipal.DisplayName"),
                };
            }
            Activity::Consent | Activity::ConsentRevoked => first([names(), detail()]),
            Activity::RoleToUser | Activity::RoleFromUser | Activity::RoleToGroup | Activity::RoleFromGroup => {
                first([names()])
            }
            Activity::ApplicationAdded => first([either("AppId"), names(), detail()]),
            Activity::ServicePrincipalAdded | Activity::Removed | Activity::AccountDisabled => {
                first([either("AppPrincipalId"), either("AppId"), names(), detail()])
            }
            // The target is the policy.
            Activity::AuthorizationPolicyChanged => {
                return AuditApp { id: "".into(), object_id: "".into(), name: "".into() };
            }
        };
        let target = target(properties);
        AuditApp {
            id,
            object_id: Cow::Borrowed(target.map_or("", |target| unless_zero(&target.id))),
            name: target.map_or(Cow::Borrowed(""), |target| Cow::Borrowed(&*target.display_name)),
        }
    }

    /// The reference: the global id, else the object.
    pub(crate) fn reference(&self, source: Source) -> AppRef<'_> {
        let (id_kind, id) = match (&*self.id, &*self.object_id) {
            ("", "") => (AppIdKind::None, ""),
            ("", object_id) => (AppIdKind::ObjectId, object_id),
            (id, _) => (AppIdKind::ClientId, id),
        };
        AppRef { source: source.issuer(), id_kind, id }
    }
}

/// The target that is an app, else the first.
pub(crate) fn target<'a>(properties: &'a Properties<'a>) -> Option<&'a Target<'a>> {
    let is_app = |target: &&Target<'_>| matches!(&*target.kind, "ServicePrincipal" | "Application");
    properties.targets.iter().find(is_app).or_else(|| properties.targets.first())
}

/// The first id that is told and not zero.
fn first<'a, const N: usize>(ids: [Cow<'a, str>; N]) -> Cow<'a, str> {
    ids.into_iter().find(|id| !id.is_empty() && !is_zero_guid(id)).unwrap_or_default()
}

/// The first bare GUID of a list of names.
fn guid_of<'a>(names: Cow<'a, str>) -> Cow<'a, str> {
    match names {
        Cow::Borrowed(names) => Cow::Borrowed(first_guid(names).unwrap_or_default()),
        Cow::Owned(names) => Cow::Owned(first_guid(&names).unwrap_or_default().to_owned()),
    }
}
