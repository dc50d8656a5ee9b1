//! Writes events of the Okta System Log (formats.md, section 1): the shape, the order of its keys and its oddities.
//!
//! Oddities on purpose: `target` is null, empty or absent where there is none; its members come in any order; strings hold "null" and
//! "unknown"; a failed login names what was typed, be it a password.

use crate::{
    agents::AGENTS,
    apps::{Access, App},
    company::Company,
    moment::{Action, Moment, PersonId},
    names::TYPED_PASSWORDS,
    people::Person,
    random::Random,
    writer::{Writer, okta_id},
};

/// Scopes that an OpenID Connect app of the company asks for.
const SCOPES: &[&str] = &["openid", "profile", "email"];
/// Text of Okta's risk engine, as it stands in `debugData`.
const BEHAVIORS: &str = "{New Geo-Location=NEGATIVE, New Device=NEGATIVE, New IP=NEGATIVE, New State=NEGATIVE, New Country=NEGATIVE, \
                         Velocity=NEGATIVE, New City=NEGATIVE}";

/// All that the parts of one event share.
struct Scene<'a> {
    company: &'a Company,
    moment: &'a Moment,
    person: &'a Person,
    app: &'a App,
    uuid: String,
    random: Random,
}

/// Appends one event.
pub(crate) fn write(company: &Company, moment: &Moment, out: &mut Vec<u8>) {
    let (uuid, random) = moment.native_id();
    let (person, app) = (company.person(moment.person), company.app(moment.app));
    let mut scene = Scene { company, moment, person, app, uuid, random };
    let mut writer = Writer(out);
    scene.actor(&mut writer);
    scene.client(&mut writer);
    scene.session(&mut writer);
    scene.what(&mut writer);
    scene.debug(&mut writer);
    scene.targets(&mut writer);
    writer.raw("}");
}

impl Scene<'_> {
    fn actor(&mut self, writer: &mut Writer<'_>) {
        writer.raw("{\"actor\":{\"id\":\"");
        match self.moment.action {
            Action::OktaTypedPassword => {
                let typed = self.random.pick(TYPED_PASSWORDS);
                writer
                    .raw("unknown\",\"type\":\"User\",\"alternateId\":\"")
                    .text(typed)
                    .raw("\",\"displayName\":\"unknown");
            }
            Action::OktaCode | Action::OktaIdToken | Action::OktaAccessToken => {
                let id = &self.app.native_id;
                writer.raw(id).raw("\",\"type\":\"PublicClientApp\",\"alternateId\":\"").raw(id);
                writer.raw("\",\"displayName\":\"").text(&self.app.name);
            }
            Action::OktaAssign | Action::OktaUnassign | Action::OktaAppCreated => {
                let admin = self.company.person(PersonId(self.random.below(4)));
                user(writer, admin);
            }
            _ => user(writer, self.person),
        }
        writer.raw("\",\"detailEntry\":null},");
    }

    fn client(&mut self, writer: &mut Writer<'_>) {
        let agent = self.agent();
        writer.raw("\"client\":{\"userAgent\":{\"rawUserAgent\":\"").raw(agent.raw).raw("\",\"os\":\"").raw(agent.os);
        writer
            .raw("\",\"browser\":\"")
            .raw(agent.browser_okta)
            .raw("\"},\"zone\":\"null\",\"device\":\"")
            .raw(agent.device);
        writer.raw("\",\"id\":");
        match self.moment.action {
            Action::OktaCode | Action::OktaIdToken | Action::OktaAccessToken => {
                writer.raw("\"").raw(&self.app.native_id).raw("\"");
            }
            _ => {
                writer.raw("null");
            }
        }
        writer.raw(",\"ipAddress\":\"").raw(&self.address()).raw("\",");
        self.place(writer);
        writer.raw("},");
    }

    fn session(&mut self, writer: &mut Writer<'_>) {
        writer.raw(
            "\"device\":null,\"authenticationContext\":{\"authenticationProvider\":null,\"credentialProvider\":null,\
             \"credentialType\":null,\"issuer\":null,\"interface\":null,\"authenticationStep\":0,\"rootSessionId\":\"",
        );
        let day = self.moment.occurred.div_euclid(crate::clock::DAY_MS);
        let mut session = Random::stream(self.company.settings.seed, &self.person.okta_id, day.unsigned_abs());
        let id = okta_id("102", &mut session);
        let external = match self.moment.action {
            Action::OktaLoginFailed | Action::OktaTypedPassword => "unknown",
            _ => id.as_str(),
        };
        writer.raw(&id).raw("\",\"externalSessionId\":\"").raw(external).raw("\"},");
    }

    fn what(&mut self, writer: &mut Writer<'_>) {
        let (message, result, reason) = wording(self.moment.action);
        let native_type = self.moment.action.native_type();
        writer.raw("\"displayMessage\":\"").raw(message).raw("\",\"eventType\":\"").raw(native_type);
        writer.raw("\",\"outcome\":{\"result\":\"").raw(result).raw("\",\"reason\":");
        match reason {
            "" => writer.raw("null"),
            _ => writer.raw("\"").raw(reason).raw("\""),
        };
        writer.raw("},\"published\":\"").time(self.company.settings.anchor_ms + self.moment.occurred);
        writer.raw("Z\",\"securityContext\":{\"asNumber\":").number(self.person.site.asn);
        writer.raw(
            ",\"asOrg\":\"example access networks\",\"isp\":\"example access networks\",\"domain\":\"example.net\",",
        );
        writer.raw("\"isProxy\":false},\"severity\":\"INFO\",");
    }

    fn debug(&mut self, writer: &mut Writer<'_>) {
        let transaction = self.moment.correlation_id();
        writer.raw("\"debugContext\":{\"debugData\":{\"requestId\":\"").raw(&transaction).raw("\",");
        match self.moment.action {
            Action::OktaSso => self.sign_on(writer),
            Action::OktaCode | Action::OktaIdToken | Action::OktaAccessToken => {
                writer.raw("\"requestUri\":\"/oauth2/default/v1/token\",\"grantType\":\"authorization_code\",");
                writer.raw(
                    "\"requestedScopes\":\"openid, profile, email\",\"grantedScopes\":\"openid, profile, email\",",
                );
                writer.raw("\"redirectUri\":\"https://app.example.net/callback\",");
            }
            Action::OktaConsent | Action::OktaRevoke => {
                writer.raw("\"authorizationServerName\":\"default\",\"authorizationServer\":\"aus1bptuzqo48Ut942p7\",");
                writer.raw("\"requestUri\":\"/api/v1/authn/consent\",\"url\":\"/api/v1/authn/consent?\",");
            }
            Action::OktaLogin => {
                // The same fact as text, as an object and as a list: seen in the wild.
                let shape = self.random.pick(&["{\"risk\":{\"level\":\"LOW\"}}", "\"{\\\"risk\\\":{}}\"", "[\"LOW\"]"]);
                writer.raw("\"requestUri\":\"/idp/idx/identify\",\"logOnlySecurityData\":").raw(shape).raw(",");
            }
            _ => {
                writer.raw("\"requestUri\":\"/api/internal/v1/activity\",");
            }
        }
        if self.random.happens(300) {
            writer.raw("\"behaviors\":\"").raw(BEHAVIORS).raw("\",\"risk\":\"{level=LOW}\",");
        }
        writer
            .raw("\"dtHash\":\"")
            .raw(&self.transaction_hash())
            .raw("\",\"threatSuspected\":\"false\"}},\"legacyEventType\":\"core.");
        writer.raw(self.moment.action.native_type()).raw("_success\",\"transaction\":{\"type\":\"WEB\",\"id\":\"");
        writer.raw(&transaction).raw("\",\"detail\":{}},\"uuid\":\"").raw(&self.uuid);
        writer.raw("\",\"version\":\"0\",\"request\":{\"ipChain\":[{\"ip\":\"").raw(&self.address()).raw("\",");
        self.place(writer);
        writer.raw(",\"version\":\"V4\",\"source\":null}]}");
    }

    fn sign_on(&mut self, writer: &mut Writer<'_>) {
        let mode = if self.app.access == Access::Oidc { "OpenID Connect" } else { "SAML 2.0" };
        let issued = self.company.settings.anchor_ms + self.moment.occurred;
        writer.raw("\"requestUri\":\"/login/token/redirect\",\"url\":\"/login/token/redirect?stateToken=02.id.");
        writer.raw(&self.transaction_hash()).raw("\",\"signOnMode\":\"").raw(mode);
        writer.raw("\",\"initiationType\":\"SP_INITIATED\",\"issuedAt\":\"").time(issued).raw("Z\",\"expiryTime\":\"");
        writer.time(issued + 300_000).raw("Z\",\"issuer\":\"http://www.okta.com/").raw(&self.app.native_id);
        writer.raw("\",\"subject\":\"").raw(&self.person.mail).raw("\",");
    }

    fn targets(&mut self, writer: &mut Writer<'_>) {
        let is_swapped = self.random.happens(500);
        match self.moment.action {
            Action::OktaSso => {
                writer.raw(",\"target\":[");
                let order: [fn(&mut Self, &mut Writer<'_>); 2] = if is_swapped {
                    [Self::app_user, Self::app_instance]
                } else {
                    [Self::app_instance, Self::app_user]
                };
                self.list(writer, &order);
            }
            Action::OktaAssign | Action::OktaUnassign => {
                writer.raw(",\"target\":[");
                let order: [fn(&mut Self, &mut Writer<'_>); 3] = if is_swapped {
                    [Self::user_target, Self::app_instance, Self::app_user]
                } else {
                    [Self::app_user, Self::app_instance, Self::user_target]
                };
                self.list(writer, &order);
            }
            Action::OktaAppCreated | Action::OktaAccessDenied => {
                writer.raw(",\"target\":[");
                self.list(writer, &[Self::app_instance]);
            }
            Action::OktaCode | Action::OktaIdToken | Action::OktaAccessToken => {
                writer.raw(",\"target\":[");
                self.list(writer, &[Self::user_target, Self::token]);
            }
            Action::OktaConsent | Action::OktaRevoke => self.consent(writer),
            Action::OktaSecondFactor => {
                writer.raw(",\"target\":[{\"id\":\"").raw(&okta_id("pfd", &mut self.random));
                writer.raw("\",\"type\":\"AuthenticatorEnrollment\",\"alternateId\":\"unknown\",");
                writer.raw("\"displayName\":\"Okta Verify\",\"detailEntry\":null}]");
            }
            Action::OktaNoise(_) => {
                writer.raw(",\"target\":[");
                self.list(writer, &[Self::user_target]);
            }
            _ => {
                let none = *self.random.pick(&[",\"target\":null", ",\"target\":[]", ""]);
                writer.raw(none);
            }
        }
    }

    /// Writes the members of `target` and closes it.
    fn list(&mut self, writer: &mut Writer<'_>, members: &[fn(&mut Self, &mut Writer<'_>)]) {
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                writer.raw(",");
            }
            member(self, writer);
        }
        writer.raw("]");
    }

    fn app_instance(&mut self, writer: &mut Writer<'_>) {
        let (mode, template) = match self.app.access {
            // The template of every custom app of this kind has the same name.
            Access::Oidc => ("OPENID_CONNECT", "OpenID Connect Client"),
            Access::Vaulted => ("BROWSER_PLUGIN", self.app.name.as_str()),
            _ => ("SAML_2_0", self.app.name.as_str()),
        };
        writer.raw("{\"id\":\"").raw(&self.app.native_id).raw("\",\"type\":\"AppInstance\",\"alternateId\":\"");
        writer.text(&self.app.name).raw("\",\"displayName\":\"").text(template);
        writer.raw("\",\"detailEntry\":{\"signOnModeType\":\"").raw(mode).raw("\"}}");
    }

    fn app_user(&mut self, writer: &mut Writer<'_>) {
        writer
            .raw("{\"id\":\"")
            .raw(&okta_id("0ua", &mut self.random))
            .raw("\",\"type\":\"AppUser\",\"alternateId\":\"");
        writer
            .raw(&self.person.mail)
            .raw("\",\"displayName\":\"")
            .raw(&self.person.name)
            .raw("\",\"detailEntry\":null}");
    }

    fn user_target(&mut self, writer: &mut Writer<'_>) {
        writer.raw("{\"id\":\"").raw(&self.person.okta_id).raw("\",\"type\":\"User\",\"alternateId\":\"");
        writer
            .raw(&self.person.mail)
            .raw("\",\"displayName\":\"")
            .raw(&self.person.name)
            .raw("\",\"detailEntry\":null}");
    }

    fn token(&mut self, writer: &mut Writer<'_>) {
        let name = match self.moment.action {
            Action::OktaCode => "code",
            Action::OktaIdToken => "id_token",
            _ => "access_token",
        };
        writer.raw("{\"id\":\"").raw(&self.transaction_hash()).raw("\",\"type\":\"").raw(name);
        writer.raw("\",\"alternateId\":null,\"displayName\":\"").raw(name).raw("\",\"detailEntry\":null}");
    }

    /// One target for every scope, and the app's name nowhere.
    fn consent(&mut self, writer: &mut Writer<'_>) {
        for (place, scope) in SCOPES.iter().enumerate() {
            writer.raw(if place == 0 { ",\"target\":[" } else { "," });
            writer.raw("{\"id\":\"").raw(&okta_id("oag", &mut self.random));
            writer.raw("\",\"type\":\"ConsentGrant\",\"alternateId\":null,\"displayName\":\"").raw(scope);
            writer.raw("\",\"detailEntry\":{\"publicclientapp\":\"").raw(&self.app.native_id);
            writer
                .raw("\",\"authorizationserver\":\"aus1bptuzqo48Ut942p7\",\"user\":\"")
                .raw(&self.person.okta_id)
                .raw("\"}}");
        }
        writer.raw("]");
    }

    fn place(&self, writer: &mut Writer<'_>) {
        let site = self.person.site;
        writer.raw("\"geographicalContext\":{\"city\":\"").raw(site.city).raw("\",\"state\":\"").raw(site.state);
        writer.raw("\",\"country\":\"").raw(site.country).raw("\",\"postalCode\":\"00000\",\"geolocation\":{\"lat\":");
        writer.raw(site.position.0).raw(",\"lon\":").raw(site.position.1).raw("}}");
    }

    fn agent(&self) -> &'static crate::agents::Agent {
        crate::agents::of(self.person.host, AGENTS)
    }

    fn address(&self) -> String {
        crate::agents::address(self.person, self.moment.occurred)
    }

    fn transaction_hash(&mut self) -> String {
        format!("{:016x}{:016x}", self.random.next(), self.random.next())
    }
}

/// Id, type, mail address and name of a person who acts; the caller closes the last quote.
fn user(writer: &mut Writer<'_>, person: &Person) {
    writer.raw(&person.okta_id).raw("\",\"type\":\"User\",\"alternateId\":\"").raw(&person.mail);
    writer.raw("\",\"displayName\":\"").raw(&person.name);
}

/// Okta's message, result and reason.
const fn wording(action: Action) -> (&'static str, &'static str, &'static str) {
    match action {
        Action::OktaLogin => ("User login to Okta", "SUCCESS", ""),
        Action::OktaLoginFailed => ("User login to Okta", "FAILURE", "INVALID_CREDENTIALS"),
        Action::OktaTypedPassword => ("User login to Okta", "FAILURE", "VERIFICATION_ERROR"),
        Action::OktaSecondFactor => ("Authentication of user via MFA", "SUCCESS", ""),
        Action::OktaSso => ("User single sign on to app", "SUCCESS", ""),
        Action::OktaCode => ("OAuth2 authorization code is granted", "SUCCESS", ""),
        Action::OktaIdToken => ("OIDC id token is granted", "SUCCESS", ""),
        Action::OktaAccessToken => ("OAuth2 access token is granted", "SUCCESS", ""),
        Action::OktaConsent => ("Consent granted", "SUCCESS", ""),
        Action::OktaRevoke => ("Consent revoked", "SUCCESS", ""),
        Action::OktaAssign => ("Add user to application membership", "SUCCESS", ""),
        Action::OktaUnassign => ("Remove user's application membership", "SUCCESS", ""),
        Action::OktaAppCreated => ("Create application", "SUCCESS", ""),
        Action::OktaAccessDenied => ("Deny user access due to app sign on policy", "DENY", "Sign-on policy evaluation"),
        Action::OktaNoise(0) => {
            ("Evaluation of sign-on policy", "ALLOW", "Sign-on policy evaluation resulted in ALLOW")
        }
        _ => ("Activity", "SUCCESS", ""),
    }
}
