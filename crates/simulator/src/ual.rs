//! Writes records of the Microsoft 365 unified audit log (`Audit.AzureActiveDirectory`; formats.md, section 3): what the subsidiary's tenant tells.
//!
//! Oddities on purpose: no zone and no part of a second in the time; names end in a full stop; a failed sign-in says "Success"; actors and
//! targets are lists of numbers and texts; a sign-in tells its app by the id alone; JSON in a string; an address in few records.

use crate::{
    agents::{self, AGENTS},
    apps::App,
    company::Company,
    entra::GRAPH,
    moment::{Action, Breadth, Grant, Moment},
    people::Person,
    random::Random,
    writer::{Writer, guid},
};

/// Operations that the pipeline has no use for, as this log calls them.
const NOISE: &[&str] = &[
    "Update user.",
    "Update StsRefreshTokenValidFrom Timestamp.",
    "Update device.",
    "Add member to group.",
    "Change user password.",
    "Add device.",
];

/// All that the parts of one record share.
struct Scene<'a> {
    company: &'a Company,
    moment: &'a Moment,
    person: &'a Person,
    app: &'a App,
    id: String,
    random: Random,
}

/// What this log calls something that happens in a Microsoft tenant.
pub(crate) fn operation(action: Action) -> &'static str {
    match action {
        Action::EntraSignInFailed | Action::EntraChallenge | Action::EntraConsentNeeded => "UserLoginFailed",
        Action::EntraAddServicePrincipal => "Add service principal.",
        Action::EntraDelegatedGrant(_) => "Add delegated permission grant.",
        Action::EntraConsent(_) => "Consent to application.",
        Action::EntraAssign => "Add app role assignment grant to user.",
        Action::EntraNoise(number) => NOISE.get(usize::from(number)).copied().unwrap_or("Update user."),
        _ => "UserLoggedIn",
    }
}

/// Appends one record.
pub(crate) fn write(company: &Company, moment: &Moment, out: &mut Vec<u8>) {
    let (id, random) = moment.native_id();
    let (person, app) = (company.person(moment.person), company.app(moment.app));
    let mut scene = Scene { company, moment, person, app, id, random };
    let mut writer = Writer(out);
    let is_audit = moment.action.is_audit();
    scene.head(&mut writer, if is_audit { 8 } else { 15 });
    if is_audit {
        scene.audit(&mut writer);
    } else {
        scene.sign_in(&mut writer);
    }
    writer.raw("}");
}

impl Scene<'_> {
    fn head(&mut self, writer: &mut Writer<'_>, record_type: i64) {
        let settings = &self.company.settings;
        let occurred = settings.anchor_ms + self.moment.occurred;
        writer.raw("{\"CreationTime\":\"").second(occurred).raw("\",\"Id\":\"").raw(&self.id);
        writer.raw("\",\"Operation\":\"").raw(self.moment.native_type()).raw("\",\"OrganizationId\":\"");
        writer.raw(&settings.m365_tenant).raw("\",\"RecordType\":").number(record_type);
        writer.raw(",\"ResultStatus\":\"Success\",\"UserKey\":\"").raw(&self.person.entra_id);
        writer.raw("\",\"UserType\":0,\"Version\":1,\"Workload\":\"AzureActiveDirectory\",\"UserId\":\"");
        if self.moment.action == Action::EntraServicePrincipal {
            writer.raw("ServicePrincipal_").raw(&self.app.object_id);
        } else {
            writer.raw(&self.person.typed_mail());
        }
        writer.raw("\",\"AzureActiveDirectoryEventType\":1,\"InterSystemsId\":\"").raw(&self.moment.correlation_id());
        writer.raw("\",\"IntraSystemId\":\"").guid(&mut self.random).raw("\",\"SupportTicketId\":\"\",");
        for context in ["Actor", "Target"] {
            writer.raw("\"").raw(context).raw("ContextId\":\"").raw(&settings.m365_tenant).raw("\",");
        }
    }

    fn sign_in(&mut self, writer: &mut Writer<'_>) {
        let (code, error) = match self.moment.action {
            Action::EntraSignInFailed => (50_126, "InvalidUserNameOrPassword"),
            Action::EntraChallenge => (50_074, "UserStrongAuthClientAuthNRequired"),
            Action::EntraConsentNeeded => (65_001, "DelegationDoesNotExist"),
            _ => (0, ""),
        };
        let (agent, address) = (agents::of(self.person.host, AGENTS), self.address());
        let is_token = self.moment.action == Action::EntraTokenUse;
        writer.raw("\"ClientIP\":\"").raw(&address).raw("\",\"ActorIpAddress\":\"").raw(&address);
        writer.raw("\",\"ObjectId\":\"").raw(GRAPH.0).raw("\",\"ExtendedProperties\":[");
        pair(writer, "ResultStatusDetail", "Success");
        writer.raw(",");
        pair(writer, "UserAgent", agent.raw);
        writer.raw(",");
        pair(writer, "RequestType", if is_token { "OAuth2:Token" } else { "OAuth2:Authorize" });
        writer.raw("],\"ModifiedProperties\":[],\"Actor\":[");
        party(writer, 0, if self.is_by_app() { &self.app.object_id } else { &self.person.entra_id });
        if !self.is_by_app() {
            writer.raw(",");
            party(writer, 5, &self.person.mail);
        }
        writer.raw("],\"Target\":[");
        party(writer, 0, GRAPH.0);
        writer.raw("],\"ApplicationId\":\"").raw(&self.app.native_id).raw("\",\"DeviceProperties\":[");
        pair(writer, "OS", agent.os);
        writer.raw(",");
        pair(writer, "BrowserType", agent.browser_okta);
        writer.raw(",");
        pair(writer, "SessionId", &guid(&mut Random::new(self.moment.click ^ 1)));
        writer.raw("],\"ErrorNumber\":\"").number(code).raw("\"");
        if !error.is_empty() {
            writer.raw(",\"LogonError\":\"").raw(error).raw("\"");
        }
    }

    fn audit(&mut self, writer: &mut Writer<'_>) {
        let agent = "{\"User-Agent\":\"EvoSTS\"}".to_owned();
        let with_app = |id: &str| format!("{{\"User-Agent\":\"EvoSTS\",\"AppId\":\"{id}\"}}");
        let details = match self.moment.action {
            // Whose id stands here differs by operation: the resource's behind a grant, the client's otherwise.
            Action::EntraDelegatedGrant(_) => with_app(GRAPH.0),
            Action::EntraConsent(_) => with_app(&self.app.native_id),
            _ => agent,
        };
        if self.random.happens(140) {
            writer.raw("\"ActorIpAddress\":\"").raw(&self.address()).raw("\",\"ClientIP\":\"").raw(&self.address());
            writer.raw("\",");
        }
        writer.raw("\"ObjectId\":\"").raw(&self.app.native_id).raw("\",\"ExtendedProperties\":[");
        pair(writer, "additionalDetails", &details);
        writer.raw(",");
        pair(writer, "extendedAuditEventCategory", "ServicePrincipal");
        writer.raw("],\"ModifiedProperties\":[");
        for (place, (name, value)) in self.changes().into_iter().enumerate() {
            writer.raw(if place == 0 { "" } else { "," });
            writer.raw("{\"Name\":\"").raw(name).raw("\",\"NewValue\":\"").text(&value).raw("\",\"OldValue\":\"\"}");
        }
        writer.raw("],\"Actor\":[");
        party(writer, 5, &self.person.mail);
        writer.raw(",");
        object(writer, "User", &self.person.entra_id);
        writer.raw("],\"Target\":[");
        match self.moment.action {
            Action::EntraNoise(_) => object(writer, "User", &self.person.entra_id),
            Action::EntraDelegatedGrant(_) => self.target(writer, &self.graph(), GRAPH.1, GRAPH.0),
            _ => self.target(writer, &self.app.object_id, &self.app.name, &self.app.native_id),
        }
        writer.raw("]");
    }

    /// An app among the targets: its object, its name, and its names as a service principal.
    fn target(&self, writer: &mut Writer<'_>, object_id: &str, name: &str, app_id: &str) {
        object(writer, "ServicePrincipal", object_id);
        writer.raw(",");
        party(writer, 1, name);
        writer.raw(",");
        party(writer, 2, app_id);
        writer.raw(",");
        party(writer, 4, app_id);
    }

    /// Properties with their new values: plain, or JSON in a text.
    fn changes(&self) -> Vec<(&'static str, String)> {
        let id = &self.app.native_id;
        match self.moment.action {
            Action::EntraAddServicePrincipal => vec![
                ("AccountEnabled", "[true]".to_owned()),
                ("AppPrincipalId", format!("[\"{id}\"]")),
                ("DisplayName", format!("[\"{}\"]", self.app.name)),
                ("TargetId.ServicePrincipalNames", id.clone()),
            ],
            // The resource is the target; the client stands here, as an object alone.
            Action::EntraDelegatedGrant(grant) => vec![
                ("DelegatedPermissionGrant.Scope", format!(" {}", grant.scopes)),
                ("DelegatedPermissionGrant.ConsentType", consent_type(grant).to_owned()),
                ("ServicePrincipal.ObjectID", self.app.object_id.clone()),
                ("ServicePrincipal.DisplayName", String::new()),
                ("ServicePrincipal.AppId", String::new()),
                ("TargetId.ServicePrincipalNames", format!("https://graph.microsoft.com;{}", GRAPH.0)),
            ],
            Action::EntraConsent(grant) => vec![
                ("ConsentContext.IsAdminConsent", "False".to_owned()),
                ("ConsentContext.IsAppOnly", "False".to_owned()),
                ("ConsentContext.OnBehalfOfAll", "False".to_owned()),
                ("ConsentContext.Tags", "WindowsAzureActiveDirectoryIntegratedApp".to_owned()),
                ("ConsentAction.Permissions", self.permissions(grant)),
                ("TargetId.ServicePrincipalNames", id.clone()),
            ],
            Action::EntraAssign => vec![
                ("AppRole.Id", "00000000-0000-0000-0000-000000000000".to_owned()),
                ("User.ObjectID", self.person.entra_id.clone()),
                ("User.UPN", self.person.mail.clone()),
                ("TargetId.ServicePrincipalNames", id.clone()),
            ],
            _ => vec![("LastDirSyncTime", "[]".to_owned())],
        }
    }

    /// What was granted before, an arrow, and what is granted now.
    fn permissions(&self, grant: Grant) -> String {
        format!(
            "[] => [[Id: {}, ClientId: {}, PrincipalId: {}, ResourceId: {}, ConsentType: {}, Scope:  {}, CreatedDateTime: , \
             LastModifiedDateTime ]]; ",
            guid(&mut Random::new(self.moment.click ^ 2)).replace('-', ""),
            self.app.object_id,
            self.person.entra_id,
            self.graph(),
            consent_type(grant),
            grant.scopes,
        )
    }

    /// Microsoft Graph's object in this tenant.
    fn graph(&self) -> String {
        guid(&mut Random::stream(self.company.settings.seed, "graph of the subsidiary", 0))
    }

    const fn is_by_app(&self) -> bool {
        matches!(self.moment.action, Action::EntraServicePrincipal)
    }

    fn address(&self) -> String {
        agents::address(self.person, self.moment.occurred)
    }
}

/// The form in which this log says for whom a grant is.
const fn consent_type(grant: Grant) -> &'static str {
    match grant.breadth {
        Breadth::Tenant => "AllPrincipals",
        Breadth::Person | Breadth::AdminSelf => "Principal",
    }
}

fn pair(writer: &mut Writer<'_>, name: &str, value: &str) {
    writer.raw("{\"Name\":\"").raw(name).raw("\",\"Value\":\"").text(value).raw("\"}");
}

fn party(writer: &mut Writer<'_>, kind: i64, id: &str) {
    writer.raw("{\"ID\":\"").text(id).raw("\",\"Type\":").number(kind).raw("}");
}

/// An object of the directory, in the three ways in which it stands in a list.
fn object(writer: &mut Writer<'_>, kind: &str, id: &str) {
    party(writer, 2, &format!("{kind}_{id}"));
    writer.raw(",");
    party(writer, 2, id);
    writer.raw(",");
    party(writer, 2, kind);
}
