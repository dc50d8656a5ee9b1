//! Writes records of Microsoft Entra as diagnostic settings export them (formats.md, section 3): sign-ins here, audit records in
//! `entra_audit`.
//!
//! Oddities on purpose: seven digits of a second, `Level` as a number, the name of a person in any case, an address that a service
//! principal does not have.

use crate::{
    agents::{self, AGENTS},
    apps::App,
    company::Company,
    entra_audit,
    moment::{Action, Moment},
    people::Person,
    random::Random,
    writer::Writer,
};

/// All that the parts of one record share.
pub(crate) struct Scene<'a> {
    pub(crate) company: &'a Company,
    pub(crate) moment: &'a Moment,
    pub(crate) person: &'a Person,
    pub(crate) app: &'a App,
    pub(crate) id: String,
    pub(crate) correlation: String,
    pub(crate) random: Random,
}

/// Microsoft Graph: its client id, and how it is called.
pub(crate) const GRAPH: (&str, &str) = ("00000003-0000-0000-c000-000000000000", "Microsoft Graph");

/// Appends one record.
pub(crate) fn write(company: &Company, moment: &Moment, out: &mut Vec<u8>) {
    let (id, random) = moment.native_id();
    let (person, app) = (company.person(moment.person), company.app(moment.app));
    let mut scene = Scene { company, moment, person, app, id, correlation: moment.correlation_id(), random };
    let mut writer = Writer(out);
    match moment.action {
        Action::EntraSignIn
        | Action::EntraSignInFailed
        | Action::EntraChallenge
        | Action::EntraConsentNeeded
        | Action::EntraTokenUse
        | Action::EntraServicePrincipal => scene.sign_in(&mut writer),
        _ => entra_audit::write(&mut scene, &mut writer),
    }
}

impl Scene<'_> {
    /// The envelope's first keys, up to the correlation id.
    pub(crate) fn envelope(&self, writer: &mut Writer<'_>, operation: &str, category: &str) {
        let tenant = &self.company.settings.entra_tenant;
        writer.raw("{\"time\":\"");
        self.time(writer, 1_800).raw("Z\",\"resourceId\":\"/tenants/").raw(tenant);
        writer.raw("/providers/Microsoft.aadiam\",\"operationName\":\"").raw(operation);
        writer.raw("\",\"operationVersion\":\"1.0\",\"category\":\"").raw(category);
        writer.raw("\",\"tenantId\":\"").raw(tenant).raw("\",\"resultSignature\":\"None\",\"durationMs\":0,");
        writer.raw("\"callerIpAddress\":\"").raw(&self.address()).raw("\",\"correlationId\":\"").raw(&self.correlation);
        writer.raw("\",\"Level\":4,");
    }

    /// The moment, so much later, with seven digits of a second and without a zone.
    pub(crate) fn time<'w, 'b>(&self, writer: &'w mut Writer<'b>, later_ms: i64) -> &'w mut Writer<'b> {
        writer.time(self.company.settings.anchor_ms + self.moment.occurred + later_ms);
        writer.raw("0000")
    }

    pub(crate) fn address(&self) -> String {
        agents::address(self.person, self.moment.occurred)
    }

    fn sign_in(&mut self, writer: &mut Writer<'_>) {
        let (code, reason) = match self.moment.action {
            Action::EntraSignInFailed => (50_126, "Error validating credentials due to invalid username or password."),
            Action::EntraChallenge => (50_074, "Strong Authentication is required."),
            Action::EntraConsentNeeded => {
                (65_001, "The user or administrator has not consented to use the application.")
            }
            _ => (0, "Other."),
        };
        let is_service = self.moment.action == Action::EntraServicePrincipal;
        self.envelope(writer, "Sign-in activity", self.moment.action.native_type());
        writer.raw("\"resultType\":\"").number(code).raw("\",\"identity\":\"");
        writer.raw(if is_service { "" } else { &self.person.name });
        writer
            .raw("\",\"location\":\"")
            .raw(self.person.site.country_code)
            .raw("\",\"properties\":{\"id\":\"")
            .raw(&self.id);
        writer.raw("\",\"createdDateTime\":\"");
        self.time(writer, 0).raw("+00:00\",");
        if !is_service {
            writer.raw("\"userDisplayName\":\"").raw(&self.person.name).raw("\",\"userPrincipalName\":\"");
            writer.raw(&self.person.typed_mail()).raw("\",\"userId\":\"").raw(&self.person.entra_id).raw("\",");
        }
        writer.raw("\"appId\":\"").raw(&self.app.native_id).raw("\",\"appDisplayName\":");
        match is_service {
            true => writer.raw("null,\"servicePrincipalName\":\"").text(&self.app.name).raw("\","),
            false => writer.raw("\"").text(&self.app.name).raw("\","),
        };
        writer.raw("\"ipAddress\":\"").raw(&self.address()).raw("\",\"status\":{\"errorCode\":").number(code);
        writer.raw(",\"failureReason\":\"").raw(reason).raw("\",\"additionalDetails\":null},");
        self.machine(writer);
        self.rest(writer, is_service);
        writer.raw("}}");
    }

    fn machine(&self, writer: &mut Writer<'_>) {
        let (agent, site) = (agents::of(self.person.host, AGENTS), self.person.site);
        writer.raw("\"clientAppUsed\":\"Browser\",\"userAgent\":\"").raw(agent.raw);
        writer.raw("\",\"deviceDetail\":{\"deviceId\":\"\",\"operatingSystem\":\"").raw(agent.os);
        writer.raw("\"},\"location\":{\"city\":\"").raw(site.city).raw("\",\"state\":\"").raw(site.state);
        writer.raw("\",\"countryOrRegion\":\"").raw(site.country_code).raw("\",\"geoCoordinates\":{\"latitude\":");
        writer.raw(site.position.0).raw(",\"longitude\":").raw(site.position.1).raw("}},");
    }

    fn rest(&mut self, writer: &mut Writer<'_>, is_service: bool) {
        let tenant = &self.company.settings.entra_tenant;
        let is_interactive = !matches!(self.moment.action, Action::EntraTokenUse | Action::EntraServicePrincipal);
        writer.raw("\"mfaDetail\":{},\"correlationId\":\"").raw(&self.correlation);
        writer.raw("\",\"conditionalAccessStatus\":\"success\",\"appliedConditionalAccessPolicies\":[],");
        writer.raw("\"authenticationContextClassReferences\":[],\"originalRequestId\":\"").raw(&self.id);
        writer.raw("\",\"isInteractive\":").raw(if is_interactive { "true" } else { "false" });
        writer.raw(",\"tokenIssuerName\":\"\",\"tokenIssuerType\":\"AzureAD\",\"authenticationProcessingDetails\":[");
        writer.raw("{\"key\":\"Legacy TLS (TLS 1.0, 1.1, 3DES)\",\"value\":\"False\"}],\"networkLocationDetails\":[],");
        writer.raw("\"processingTimeInMilliseconds\":").number(self.random.between(40, 400));
        writer.raw(",\"riskDetail\":\"none\",\"riskLevelAggregated\":\"none\",\"riskLevelDuringSignIn\":\"none\",");
        writer.raw("\"riskState\":\"none\",\"riskEventTypes\":[],\"resourceDisplayName\":\"").raw(GRAPH.1);
        writer.raw("\",\"resourceId\":\"").raw(GRAPH.0).raw("\",\"resourceTenantId\":\"").raw(tenant);
        writer.raw("\",\"homeTenantId\":\"").raw(tenant).raw("\",\"tenantId\":\"").raw(tenant);
        writer.raw("\",\"authenticationDetails\":[");
        if is_interactive {
            writer.raw("{\"authenticationStepDateTime\":\"");
            self.time(writer, 0).raw("+00:00\",\"authenticationMethod\":\"Previously satisfied\",\"succeeded\":true,");
            writer.raw(
                "\"authenticationStepResultDetail\":\"First factor requirement satisfied by claim in the token\",",
            );
            writer.raw("\"authenticationStepRequirement\":\"Primary authentication\",\"StatusSequence\":0}");
        }
        writer.raw("],\"authenticationRequirementPolicies\":[],\"sessionLifetimePolicies\":[],");
        writer.raw("\"authenticationRequirement\":\"singleFactorAuthentication\",\"servicePrincipalId\":\"");
        writer.raw(if is_service { &self.app.object_id } else { "" });
        writer.raw("\",\"userType\":\"Member\",\"flaggedForReview\":false,\"isTenantRestricted\":false,");
        writer.raw("\"autonomousSystemNumber\":").number(self.person.site.asn);
        writer.raw(",\"crossTenantAccessType\":\"none\",\"uniqueTokenIdentifier\":\"");
        writer.guid(&mut self.random).raw("\",\"incomingTokenType\":\"");
        writer.raw(if is_interactive { "none" } else { "refreshToken" });
        writer.raw("\",\"authenticationProtocol\":\"none\",\"sessionId\":\"");
        writer.guid(&mut Random::new(self.moment.click ^ 1)).raw("\"");
    }
}
