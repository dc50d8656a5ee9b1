//! Native events as providers deliver them, small and of our own invention: what a test needs to see one click come out at the other end.

use event::Timestamp;
use serde_json::{Value, json};

/// The Okta org of `okta_*`.
pub const OKTA_ORG: &str = "brightwater.okta.example";
/// The Entra tenant of `entra_*`.
pub const ENTRA_TENANT: &str = "b7e30000-1111-4000-8000-000000000001";

/// The Google customer of `google_*`.
pub const GOOGLE_CUSTOMER: &str = "C0bright1";

/// One click of one person on one app. `number` makes it unique: the same number is the same event.
#[derive(Clone, Debug)]
pub struct Click<'a> {
    /// Which click.
    pub number: u64,
    /// Who, as an e-mail address.
    pub email: &'a str,
    /// The app's id at the provider.
    pub app_id: &'a str,
    /// The app's name.
    pub app_name: &'a str,
    /// When. Milliseconds since 1970.
    pub at_ms: i64,
}

/// The wall clock, in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A click of now.
#[must_use]
pub fn click<'a>(number: u64, email: &'a str, app_id: &'a str, app_name: &'a str) -> Click<'a> {
    Click { number, email, app_id, app_name, at_ms: now_ms() }
}

/// A page of the System Log: an array.
#[must_use]
pub fn page(events: &[Value]) -> Vec<u8> {
    Value::from(events.to_vec()).to_string().into_bytes()
}

/// Okta: somebody signed in to an app.
#[must_use]
pub fn okta_sso(click: &Click<'_>) -> Value {
    let target = json!([{
        "id": click.app_id, "type": "AppInstance", "alternateId": click.app_name, "displayName": click.app_name,
        "detailEntry": {"signOnModeType": "SAML_2_0"}
    }]);
    okta(click, "user.authentication.sso", person(click.email), success(), target)
}

/// Okta: somebody granted an app these scopes.
#[must_use]
pub fn okta_consent(click: &Click<'_>, scopes: &[&str]) -> Value {
    let grant = |scope: &&str| {
        json!({
            "id": format!("oag{}", click.number), "type": "ConsentGrant", "alternateId": null, "displayName": scope,
            "detailEntry": {
                "publicclientapp": click.app_id, "authorizationserver": "ausBrightwater", "user": user_id(click.email)
            }
        })
    };
    okta(click, "app.oauth2.as.consent.grant", person(click.email), success(), scopes.iter().map(grant).collect())
}

/// Okta: a login that failed; `typed` stands where the name should.
#[must_use]
pub fn okta_failed_login(number: u64, typed: &str) -> Value {
    let actor =
        json!({"id": "unknown", "type": "User", "alternateId": typed, "displayName": "unknown", "detailEntry": null});
    let outcome = json!({"result": "FAILURE", "reason": "VERIFICATION_ERROR"});
    okta(&click(number, "", "", ""), "user.session.start", actor, outcome, Value::Null)
}

fn person(email: &str) -> Value {
    json!({
        "id": user_id(email), "type": "User", "alternateId": email, "displayName": display_name(email), "detailEntry": null
    })
}

fn success() -> Value {
    json!({"result": "SUCCESS", "reason": null})
}

fn okta(click: &Click<'_>, event_type: &str, actor: Value, outcome: Value, target: Value) -> Value {
    json!({
        "actor": actor,
        "client": {
            "userAgent": {"rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "os": "Linux", "browser": "FIREFOX"},
            "ipAddress": "203.0.113.7", "geographicalContext": {"city": "Bern", "country": "Switzerland"}
        },
        "authenticationContext": {"authenticationStep": 0, "externalSessionId": format!("session{}", click.number)},
        "displayMessage": "", "eventType": event_type, "outcome": outcome,
        "published": Timestamp(click.at_ms).to_string(),
        "securityContext": {"asNumber": 64500, "asOrg": "example telecom", "isProxy": false},
        "severity": "INFO", "debugContext": {"debugData": {"requestId": format!("request{}", click.number)}},
        "transaction": {"type": "WEB", "id": format!("transaction{}", click.number), "detail": {}},
        "uuid": uuid(0x0c7a_0000, click.number), "version": "0", "target": target
    })
}

/// Entra: somebody consented to an app; one record of the audit log in its diagnostic form. `app_id` is the app's client id, a GUID.
#[must_use]
pub fn entra_consent(click: &Click<'_>, scopes: &[&str]) -> Value {
    let (time, person) = (Timestamp(click.at_ms).to_string(), uuid(0x9e45, email_number(click.email)));
    let object_id = uuid(0x0b1e, email_number(click.app_id));
    let permissions = format!(
        "[] => [[Id: grant{}, ClientId: {object_id}, PrincipalId: {person}, ResourceId: {}, ConsentType: Principal, Scope:  {}, CreatedDateTime: , LastModifiedDateTime ]]; ",
        click.number,
        uuid(0x4e5, 1),
        scopes.join(" ")
    );
    let property =
        |name: &str, value: &str| json!({"displayName": name, "oldValue": null, "newValue": json!(value).to_string()});
    let correlation = uuid(0xc0de, click.number);
    json!({
        "time": time, "resourceId": format!("/tenants/{ENTRA_TENANT}/providers/Microsoft.aadiam"),
        "operationName": "Consent to application", "operationVersion": "1.0", "category": "AuditLogs",
        "tenantId": ENTRA_TENANT, "resultSignature": "None", "durationMs": 0, "callerIpAddress": "203.0.113.7",
        "correlationId": correlation, "Level": 4,
        "properties": {
            "id": format!("Directory_{correlation}_{}", click.number), "category": "ApplicationManagement",
            "correlationId": correlation, "result": "success", "resultReason": "",
            "activityDisplayName": "Consent to application", "activityDateTime": time, "loggedByService": "Core Directory",
            "operationType": "Assign",
            "initiatedBy": {"user": {"id": person, "displayName": null, "userPrincipalName": click.email, "ipAddress": "203.0.113.7", "roles": []}},
            "targetResources": [{
                "id": object_id, "displayName": click.app_name, "type": "ServicePrincipal", "userPrincipalName": null,
                "modifiedProperties": [
                    property("ConsentContext.IsAdminConsent", "False"), property("ConsentContext.IsAppOnly", "False"),
                    property("ConsentContext.OnBehalfOfAll", "False"), property("ConsentAction.Permissions", &permissions),
                    property("TargetId.ServicePrincipalNames", click.app_id)
                ]
            }],
            "additionalDetails": []
        }
    })
}

/// Entra: the same, as Graph lists it among directory audits.
#[must_use]
pub fn graph_audit(click: &Click<'_>, scopes: &[&str]) -> Value {
    entra_consent(click, scopes).get_mut("properties").map(Value::take).unwrap_or_default()
}

/// Entra: somebody signed in to an app, as Graph lists it among sign-ins. `app_id` is the app's client id, a GUID.
#[must_use]
pub fn graph_sign_in(click: &Click<'_>) -> Value {
    json!({
        "id": uuid(0x5169_0000, click.number), "createdDateTime": Timestamp(click.at_ms).to_string(),
        "userDisplayName": display_name(click.email), "userPrincipalName": click.email,
        "userId": uuid(0x9e45, email_number(click.email)), "appId": click.app_id, "appDisplayName": click.app_name,
        "ipAddress": "203.0.113.7", "clientAppUsed": "Browser", "correlationId": uuid(0xc0de, click.number),
        "conditionalAccessStatus": "notApplied", "isInteractive": true, "riskState": "none",
        "resourceDisplayName": "Microsoft Graph", "resourceId": uuid(0x4e5, 1),
        "status": {"errorCode": 0, "failureReason": "Other.", "additionalDetails": null},
        "deviceDetail": {"deviceId": "", "operatingSystem": "Linux", "browser": "Firefox 140.0"},
        "location": {"city": "Bern", "state": "Bern", "countryOrRegion": "CH"}
    })
}

/// Slack: somebody installed an app with these scopes.
#[must_use]
pub fn slack_installation(click: &Click<'_>, scopes: &[&str]) -> Value {
    let person = json!({"id": user_id(click.email), "name": display_name(click.email), "email": click.email, "team": "E0BRIGHTWATER"});
    json!({
        "id": uuid(0x51ac, click.number), "date_create": click.at_ms / 1_000, "action": "app_installed",
        "actor": {"type": "user", "user": person},
        "entity": {"type": "app", "app": {
            "id": click.app_id, "name": click.app_name, "is_distributed": true, "is_directory_approved": false, "scopes": scopes
        }},
        "context": {
            "location": {"type": "workspace", "id": "T0BRIGHTWATER", "name": "Brightwater", "domain": "brightwater"},
            "ua": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "ip_address": "203.0.113.7"
        },
        "details": {"is_internal_integration": false}
    })
}

/// GitHub: somebody installed a GitHub App in the organisation.
#[must_use]
pub fn github_installation(click: &Click<'_>) -> Value {
    github(click, "integration_installation.create", &[])
}

/// GitHub: somebody let an OAuth app act for them.
#[must_use]
pub fn github_authorisation(click: &Click<'_>, scopes: &[&str]) -> Value {
    github(click, "oauth_authorization.create", scopes)
}

fn github(click: &Click<'_>, action: &str, scopes: &[&str]) -> Value {
    let (login, id) = (display_name(click.email).replace(' ', "-"), email_number(click.email) >> 40);
    json!({
        "@timestamp": click.at_ms, "_document_id": format!("brightwater{}", click.number), "action": action,
        "actor": login, "actor_id": id, "user": login, "user_id": id, "actor_ip": "203.0.113.7",
        "actor_location": {"country_code": "CH"}, "created_at": click.at_ms,
        "application_client_id": click.app_id, "name": click.app_name, "oauth_application_name": click.app_name,
        "external_identity_nameid": click.email, "operation_type": "create", "org": "brightwater", "org_id": 9001,
        "token_scopes": scopes.join(",")
    })
}

/// Microsoft 365: somebody consented to an app; one record of the unified audit log. `app_id` is the app's client id, a GUID.
#[must_use]
pub fn ual_consent(click: &Click<'_>, scopes: &[&str]) -> Value {
    let (object_id, person) = (uuid(0x0b1e, email_number(click.app_id)), uuid(0x9e45, email_number(click.email)));
    let permissions = format!(
        "[] => [[Id: grant{}, ClientId: {object_id}, PrincipalId: {person}, ResourceId: {}, ConsentType: Principal, Scope:  {}, CreatedDateTime: , LastModifiedDateTime ]]; ",
        click.number,
        uuid(0x4e5, 1),
        scopes.join(" ")
    );
    let modified = [
        ("ConsentContext.IsAdminConsent", "False"),
        ("ConsentContext.IsAppOnly", "False"),
        ("ConsentContext.OnBehalfOfAll", "False"),
        ("ConsentAction.Permissions", &permissions),
        ("TargetId.ServicePrincipalNames", click.app_id),
    ];
    let target = json!([
        {"ID": format!("ServicePrincipal_{object_id}"), "Type": 2}, {"ID": object_id, "Type": 2},
        {"ID": "ServicePrincipal", "Type": 2}, {"ID": click.app_name, "Type": 1}, {"ID": click.app_id, "Type": 2}
    ]);
    ual(click, 1, "Consent to application.", &modified, &target)
}

/// Microsoft 365: the delegated grant that the same click writes beside its consent.
#[must_use]
pub fn ual_companion(click: &Click<'_>, scopes: &[&str]) -> Value {
    let resource = uuid(0x4e5, 1);
    let (object_id, scope) = (uuid(0x0b1e, email_number(click.app_id)), format!(" {}", scopes.join(" ")));
    let modified = [
        ("DelegatedPermissionGrant.Scope", scope.as_str()),
        ("DelegatedPermissionGrant.ConsentType", "Principal"),
        ("ServicePrincipal.ObjectID", &object_id),
        ("ServicePrincipal.AppId", ""),
    ];
    let target = json!([
        {"ID": format!("ServicePrincipal_{resource}"), "Type": 2}, {"ID": resource, "Type": 2},
        {"ID": "ServicePrincipal", "Type": 2}, {"ID": "Brightwater API", "Type": 1}
    ]);
    ual(click, 2, "Add delegated permission grant.", &modified, &target)
}

/// Microsoft 365: somebody signed in to an app.
#[must_use]
pub fn ual_login(click: &Click<'_>) -> Value {
    json!({
        "CreationTime": Timestamp(click.at_ms).to_string().get(..19), "Id": uuid(0x0a1, click.number * 10),
        "Operation": "UserLoggedIn", "OrganizationId": ENTRA_TENANT, "RecordType": 15, "ResultStatus": "Success",
        "UserType": 0, "Version": 1, "Workload": "AzureActiveDirectory", "UserId": click.email,
        "ApplicationId": click.app_id, "ErrorNumber": "0", "InterSystemsId": uuid(0xc0de, click.number),
        "Actor": [{"ID": uuid(0x9e45, email_number(click.email)), "Type": 0}, {"ID": click.email, "Type": 5}],
        "Target": [{"ID": uuid(0x4e5, 1), "Type": 0}], "ClientIP": "203.0.113.7"
    })
}

fn ual(click: &Click<'_>, part: u64, operation: &str, modified: &[(&str, &str)], target: &Value) -> Value {
    let person = uuid(0x9e45, email_number(click.email));
    let time = Timestamp(click.at_ms).to_string();
    let modified = modified.iter().map(|(name, value)| json!({"Name": name, "NewValue": value, "OldValue": ""}));
    json!({
        "CreationTime": time.get(..19), "Id": uuid(0x0a1, click.number * 10 + part), "Operation": operation,
        "OrganizationId": ENTRA_TENANT, "RecordType": 8, "ResultStatus": "Success", "UserType": 0, "Version": 1,
        "Workload": "AzureActiveDirectory", "UserId": click.email, "InterSystemsId": uuid(0xc0de, click.number),
        "ModifiedProperties": modified.collect::<Vec<_>>(), "ExtendedProperties": [],
        "Actor": [{"ID": click.email, "Type": 5}, {"ID": format!("User_{person}"), "Type": 2}, {"ID": person, "Type": 2}],
        "Target": target
    })
}

/// Google: somebody let an app act on their data; one activity of the token log. `app_id` is the app's client id.
#[must_use]
pub fn google_authorize(click: &Click<'_>, scopes: &[&str]) -> Value {
    google(
        click,
        "token",
        "authorize",
        &json!([
            {"name": "client_id", "value": click.app_id}, {"name": "app_name", "value": click.app_name},
            {"name": "client_type", "value": "WEB"}, {"name": "scope", "multiValue": scopes}
        ]),
    )
}

/// Google: somebody signed in to Google itself; one activity of the login log.
#[must_use]
pub fn google_login(click: &Click<'_>) -> Value {
    google(click, "login", "login_success", &json!([{"name": "login_type", "value": "google_password"}]))
}

/// Google: somebody signed in to an app through Google as identity provider; one activity of the SAML log.
#[must_use]
pub fn google_sso(click: &Click<'_>) -> Value {
    google(
        click,
        "saml",
        "login_success",
        &json!([{"name": "application_name", "value": click.app_name}, {"name": "initiated_by", "value": "sp"}]),
    )
}

/// Google: an administrator let a client act as everybody; one activity of the admin log.
#[must_use]
pub fn google_delegation(click: &Click<'_>, scopes: &[&str]) -> Value {
    google(
        click,
        "admin",
        "AUTHORIZE_API_CLIENT_ACCESS",
        &json!([{"name": "API_CLIENT_NAME", "value": click.app_id}, {"name": "API_SCOPES", "value": scopes.join(",")}]),
    )
}

fn google(click: &Click<'_>, application: &str, name: &str, parameters: &Value) -> Value {
    json!({
        "kind": "admin#reports#activity",
        "id": {
            "time": Timestamp(click.at_ms).to_string(), "uniqueQualifier": format!("-{}", 41_000_000_000 + click.number),
            "applicationName": application, "customerId": GOOGLE_CUSTOMER
        },
        "actor": {"callerType": "USER", "email": click.email, "profileId": format!("1{:020}", email_number(click.email))},
        "ipAddress": "203.0.113.7",
        "events": [{"type": "auth", "name": name, "parameters": parameters}]
    })
}

fn uuid(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff)
}

fn user_id(email: &str) -> String {
    format!("00u{:016x}", email_number(email))
}

/// FNV-1a: any number that is always the same for a text.
fn email_number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn display_name(email: &str) -> String {
    email.split('@').next().unwrap_or_default().replace('.', " ")
}
