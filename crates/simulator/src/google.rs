//! Writes activities of Google's Reports API (formats.md, section 2): of the login, the token and the SAML log.
//!
//! Oddities on purpose: a whole number is a text; the address is missing where a grant is taken back; the token log writes mail addresses in
//! the case in which somebody once typed them; a SAML app has a label and no id. Each activity holds one event.

use crate::{
    agents,
    apps::App,
    company::Company,
    feed::Feed,
    moment::{Action, Grant, Moment},
    people::Person,
    random::Random,
    writer::Writer,
};

/// What all parameters of one event share.
struct Scene<'a> {
    company: &'a Company,
    moment: &'a Moment,
    person: &'a Person,
    app: &'a App,
    id: String,
    random: Random,
}

/// Appends one activity.
pub(crate) fn write(company: &Company, moment: &Moment, out: &mut Vec<u8>) {
    let (id, random) = moment.native_id();
    let (person, app) = (company.person(moment.person), company.app(moment.app));
    let mut scene = Scene { company, moment, person, app, id, random };
    let mut writer = Writer(out);
    scene.activity(&mut writer);
    scene.event(&mut writer);
    writer.raw("]}]}");
}

impl Scene<'_> {
    fn activity(&mut self, writer: &mut Writer<'_>) {
        let settings = &self.company.settings;
        let application = match self.moment.feed {
            Feed::GoogleToken => "token",
            Feed::GoogleSaml => "saml",
            _ => "login",
        };
        writer.raw("{\"kind\":\"admin#reports#activity\",\"id\":{\"time\":\"");
        writer.time(settings.anchor_ms + self.moment.occurred).raw("Z\",\"uniqueQualifier\":\"").raw(&self.id);
        writer.raw("\",\"applicationName\":\"").raw(application).raw("\",\"customerId\":\"");
        writer.raw(&settings.google_customer).raw("\"},\"etag\":\"\\\"").guid(&mut self.random).raw("/");
        writer.guid(&mut self.random).raw("\\\"\",\"actor\":{\"callerType\":\"USER\",\"email\":\"");
        writer.raw(&self.mail()).raw("\",\"profileId\":\"").raw(&self.person.google_id).raw("\"},\"ownerDomain\":\"");
        writer.raw(&settings.mail_domain).raw("\",");
        if !matches!(self.moment.action, Action::GoogleRevoke(_)) {
            let site = self.person.site;
            writer.raw("\"ipAddress\":\"").raw(&agents::address(self.person, self.moment.occurred));
            writer.raw("\",\"networkInfo\":{\"ipAsn\":[").number(site.asn).raw("],\"regionCode\":\"");
            writer.raw(site.country_code).raw("\",\"subdivisionCode\":\"\"},");
        }
        writer.raw("\"events\":[{\"type\":\"").raw(if self.moment.feed == Feed::GoogleToken {
            "auth"
        } else {
            "login"
        });
        writer.raw("\",\"name\":\"").raw(self.moment.native_type()).raw("\",\"parameters\":[");
    }

    fn event(&mut self, writer: &mut Writer<'_>) {
        match self.moment.action {
            // People come from Okta, and Google believes it.
            Action::GoogleLogin => {
                parameter(writer, "login_type", "saml");
                writer.raw(",{\"name\":\"login_challenge_method\",\"multiValue\":[\"none\"]},");
                writer.raw("{\"name\":\"is_suspicious\",\"boolValue\":false}");
            }
            Action::GoogleLoginFailed => {
                parameter(writer, "login_type", "google_password");
                writer.raw(",{\"name\":\"login_challenge_method\",\"multiValue\":[\"password\"]},");
                parameter(writer, "login_failure_type", "login_failure_invalid_password");
            }
            Action::GoogleVerification => {
                parameter(writer, "login_type", "google_password");
                writer.raw(",{\"name\":\"login_challenge_method\",\"multiValue\":[\"google_authenticator\"]},");
                parameter(writer, "login_challenge_status", "passed");
                writer.raw(",{\"name\":\"is_second_factor\",\"boolValue\":true}");
            }
            Action::GoogleSaml | Action::GoogleSamlDenied => self.saml(writer),
            Action::GoogleAuthorize(grant) | Action::GoogleRevoke(grant) => {
                self.client(writer);
                scopes(writer, grant);
            }
            Action::GoogleActivity => {
                self.client(writer);
                writer.raw(",");
                parameter(writer, "api_name", "oauth2");
                writer.raw(",");
                parameter(writer, "method_name", "oauth2.userinfo.get");
                writer.raw(",{\"name\":\"num_response_bytes\",\"intValue\":\"").number(self.random.between(90, 900));
                writer.raw("\"},");
                parameter(writer, "product_bucket", "IDENTITY");
            }
            _ => parameter(writer, "login_type", "saml"),
        }
    }

    fn client(&self, writer: &mut Writer<'_>) {
        parameter(writer, "client_id", &self.app.native_id);
        writer.raw(",");
        parameter(writer, "app_name", &self.app.name);
        writer.raw(",");
        parameter(writer, "client_type", "WEB");
    }

    fn saml(&self, writer: &mut Writer<'_>) {
        parameter(writer, "application_name", &self.app.name);
        writer.raw(",");
        parameter(writer, "initiated_by", "sp");
        writer.raw(",");
        parameter(writer, "orgunit_path", &format!("/{}", self.person.department));
        writer.raw(",");
        if self.moment.action == Action::GoogleSamlDenied {
            parameter(writer, "failure_type", "failure_app_not_enabled_for_user");
        } else {
            parameter(writer, "saml_status_code", "SUCCESS_URI");
        }
    }

    fn mail(&self) -> String {
        if self.moment.feed == Feed::GoogleToken { self.person.typed_mail() } else { self.person.mail.clone() }
    }
}

/// One parameter with one value.
fn parameter(writer: &mut Writer<'_>, name: &str, value: &str) {
    writer.raw("{\"name\":\"").raw(name).raw("\",\"value\":\"").text(value).raw("\"}");
}

/// What was granted, twice: each scope with the product that it opens, and as a list.
fn scopes(writer: &mut Writer<'_>, grant: Grant) {
    writer.raw(",{\"name\":\"scope_data\",\"multiMessageValue\":[");
    for (place, scope) in grant.scopes.split(' ').enumerate() {
        writer.raw(if place == 0 { "" } else { "," });
        writer.raw("{\"parameter\":[{\"name\":\"scope_name\",\"value\":\"").raw(scope);
        writer.raw("\"},{\"name\":\"product_bucket\",\"multiValue\":[\"").raw(product(scope)).raw("\"]}]}");
    }
    writer.raw("]},{\"name\":\"scope\",\"multiValue\":[");
    for (place, scope) in grant.scopes.split(' ').enumerate() {
        writer.raw(if place == 0 { "\"" } else { ",\"" }).raw(scope).raw("\"");
    }
    writer.raw("]}");
}

/// The product that a scope opens.
fn product(scope: &str) -> &'static str {
    match scope.rsplit('/').next().unwrap_or(scope) {
        "" | "gmail.readonly" => "GMAIL",
        "drive.readonly" | "drive.file" => "DRIVE",
        "calendar.readonly" => "CALENDAR",
        "chat.messages.readonly" => "CHAT",
        _ => "IDENTITY",
    }
}
