//! Writes audit records of Microsoft Entra: an app appears, a permission is granted, somebody consents (formats.md, section 3).
//!
//! Oddities on purpose: values are JSON inside a string; the grant behind a consent names the resource and knows its client only as an
//! object; the list of names may begin with an address instead of an id; the consent page calls itself "EvoSTS".

use crate::{
    entra::{GRAPH, Scene},
    moment::{Action, Breadth, Grant},
    random::Random,
    writer::{Writer, guid},
};

/// Appends one record.
pub(crate) fn write(scene: &mut Scene<'_>, writer: &mut Writer<'_>) {
    let operation = scene.moment.action.native_type();
    let (category, operation_type) = match scene.moment.action {
        Action::EntraNoise(_) => ("UserManagement", "Update"),
        Action::EntraAddServicePrincipal => ("ApplicationManagement", "Add"),
        _ => ("ApplicationManagement", "Assign"),
    };
    scene.envelope(writer, operation, "AuditLogs");
    writer.raw("\"properties\":{\"id\":\"").raw(&scene.id).raw("\",\"category\":\"").raw(category);
    writer
        .raw("\",\"correlationId\":\"")
        .raw(&scene.correlation)
        .raw("\",\"result\":\"success\",\"resultReason\":\"\",");
    writer.raw("\"activityDisplayName\":\"").raw(operation).raw("\",\"activityDateTime\":\"");
    scene
        .time(writer, 0)
        .raw("+00:00\",\"loggedByService\":\"Core Directory\",\"operationType\":\"")
        .raw(operation_type);
    writer.raw("\",\"userAgent\":null,\"initiatedBy\":{\"user\":{\"id\":\"").raw(&scene.person.entra_id);
    writer.raw("\",\"displayName\":null,\"userPrincipalName\":\"").raw(&scene.person.typed_mail());
    writer.raw("\",\"ipAddress\":\"").raw(&scene.address()).raw("\",\"roles\":[]}},\"targetResources\":[");
    match scene.moment.action {
        Action::EntraAddServicePrincipal => added(scene, writer),
        Action::EntraDelegatedGrant(grant) => delegated(scene, writer, grant),
        Action::EntraConsent(grant) => consented(scene, writer, grant),
        Action::EntraAssign => assigned(scene, writer),
        _ => touched(scene, writer),
    }
    writer.raw("],\"additionalDetails\":[{\"key\":\"User-Agent\",\"value\":\"EvoSTS\"}");
    match scene.moment.action {
        // Whose id stands here differs by operation: the resource's behind a grant, the client's otherwise.
        Action::EntraDelegatedGrant(_) => app_id(writer, GRAPH.0),
        Action::EntraAddServicePrincipal | Action::EntraConsent(_) | Action::EntraAssign => {
            app_id(writer, &scene.app.native_id);
        }
        _ => (),
    }
    writer.raw("]}}");
}

fn app_id(writer: &mut Writer<'_>, id: &str) {
    writer.raw(",{\"key\":\"AppId\",\"value\":\"").raw(id).raw("\"}");
}

/// Opens a target resource, up to its properties.
fn target(writer: &mut Writer<'_>, id: &str, name: &str) {
    writer.raw("{\"id\":\"").raw(id).raw("\",\"displayName\":\"").text(name);
    writer.raw("\",\"type\":\"ServicePrincipal\",\"modifiedProperties\":[");
}

/// One property; the value is JSON that is put into a string.
fn property(writer: &mut Writer<'_>, name: &str, value: &str) {
    writer.raw("{\"displayName\":\"").raw(name).raw("\",\"oldValue\":null,\"newValue\":\"").text(value).raw("\"}");
}

fn added(scene: &Scene<'_>, writer: &mut Writer<'_>) {
    let id = &scene.app.native_id;
    target(writer, &scene.app.object_id, &scene.app.name);
    property(writer, "AccountEnabled", "[true]");
    writer.raw(",");
    property(writer, "AppPrincipalId", &format!("[\"{id}\"]"));
    writer.raw(",");
    property(writer, "DisplayName", &format!("[\"{}\"]", scene.app.name));
    writer.raw(",");
    property(writer, "ServicePrincipalName", &format!("[\"{id}\"]"));
    writer.raw(",");
    property(
        writer,
        "Included Updated Properties",
        "\"AccountEnabled, AppPrincipalId, DisplayName, ServicePrincipalName\"",
    );
    writer.raw(",");
    property(writer, "TargetId.ServicePrincipalNames", &format!("\"{id}\""));
    writer.raw("],\"administrativeUnits\":[]}");
}

/// The resource is the target; the client stands in the properties, as an object alone.
fn delegated(scene: &Scene<'_>, writer: &mut Writer<'_>, grant: Grant) {
    let (graph_object, _) = graph(scene);
    target(writer, &graph_object, GRAPH.1);
    property(writer, "DelegatedPermissionGrant.Scope", &format!("\" {}\"", grant.scopes));
    writer.raw(",");
    property(writer, "DelegatedPermissionGrant.ConsentType", &format!("\"{}\"", consent_type(grant)));
    writer.raw(",");
    property(writer, "ServicePrincipal.ObjectID", &format!("\"{}\"", scene.app.object_id));
    for name in ["ServicePrincipal.DisplayName", "ServicePrincipal.AppId", "ServicePrincipal.Name"] {
        writer.raw(",");
        property(writer, name, "\"\"");
    }
    writer.raw(",");
    let names = "https://graph.microsoft.com;00000003-0000-0000-c000-000000000000/ags.windows.net;";
    property(writer, "TargetId.ServicePrincipalNames", &format!("\"{names}{}\"", GRAPH.0));
    writer.raw("],\"administrativeUnits\":[]},{\"id\":\"").raw(&scene.app.object_id);
    writer.raw("\",\"displayName\":null,\"type\":\"ServicePrincipal\",\"modifiedProperties\":[]}");
}

fn consented(scene: &mut Scene<'_>, writer: &mut Writer<'_>, grant: Grant) {
    let is_admin = scene.person.is_admin;
    target(writer, &scene.app.object_id, &scene.app.name);
    property(writer, "ConsentContext.IsAdminConsent", if is_admin { "\"True\"" } else { "\"False\"" });
    writer.raw(",");
    property(writer, "ConsentContext.IsAppOnly", "\"False\"");
    writer.raw(",");
    let for_all = if grant.breadth == Breadth::Tenant { "\"True\"" } else { "\"False\"" };
    property(writer, "ConsentContext.OnBehalfOfAll", for_all);
    writer.raw(",");
    property(writer, "ConsentContext.Tags", "\"WindowsAzureActiveDirectoryIntegratedApp\"");
    writer.raw(",");
    let permissions = permissions(scene, grant);
    property(writer, "ConsentAction.Permissions", &permissions);
    writer.raw(",");
    let id = &scene.app.native_id;
    let names = if scene.random.happens(400) {
        format!("\"https://{}.example.net;{id}/host;{id}\"", id.get(..8).unwrap_or(id))
    } else {
        format!("\"{id}\"")
    };
    property(writer, "TargetId.ServicePrincipalNames", &names);
    writer.raw("],\"administrativeUnits\":[]}");
}

/// What was granted before, an arrow, and what is granted now.
fn permissions(scene: &mut Scene<'_>, grant: Grant) -> String {
    let (graph_object, grant_id) = graph(scene);
    let principal = if grant.breadth == Breadth::Tenant { "" } else { &scene.person.entra_id };
    format!(
        "\"[] => [[Id: {grant_id}, ClientId: {}, PrincipalId: {principal}, ResourceId: {graph_object}, ConsentType: {}, \
         Scope: {}, CreatedDateTime: , LastModifiedDateTime ]]; \"",
        scene.app.object_id,
        consent_type(grant),
        grant.scopes,
    )
}

const fn consent_type(grant: Grant) -> &'static str {
    match grant.breadth {
        Breadth::Tenant => "AllPrincipals",
        Breadth::Person | Breadth::AdminSelf => "Principal",
    }
}

/// Microsoft Graph's object in this tenant, and an id of the grant.
fn graph(scene: &Scene<'_>) -> (String, String) {
    let object = guid(&mut Random::stream(scene.company.settings.seed, "graph", 0));
    (object, guid(&mut Random::new(scene.moment.click ^ 2)).replace('-', ""))
}

fn assigned(scene: &Scene<'_>, writer: &mut Writer<'_>) {
    target(writer, &scene.app.object_id, &scene.app.name);
    property(writer, "AppRole.Id", "\"00000000-0000-0000-0000-000000000000\"");
    writer.raw(",");
    property(writer, "User.ObjectID", &format!("\"{}\"", scene.person.entra_id));
    writer.raw(",");
    property(writer, "User.UPN", &format!("\"{}\"", scene.person.mail));
    writer.raw(",");
    property(writer, "TargetId.ServicePrincipalNames", &format!("\"{}\"", scene.app.native_id));
    writer.raw("],\"administrativeUnits\":[]},{\"id\":\"").raw(&scene.person.entra_id);
    writer.raw("\",\"displayName\":null,\"type\":\"User\",\"userPrincipalName\":\"").raw(&scene.person.typed_mail());
    writer.raw("\",\"modifiedProperties\":[]}");
}

fn touched(scene: &Scene<'_>, writer: &mut Writer<'_>) {
    writer.raw("{\"id\":\"").raw(&scene.person.entra_id).raw("\",\"displayName\":null,\"type\":\"User\",");
    writer.raw("\"userPrincipalName\":\"").raw(&scene.person.typed_mail()).raw("\",\"modifiedProperties\":[");
    property(writer, "LastDirSyncTime", "[\"\"]");
    writer.raw("],\"administrativeUnits\":[]}");
}
