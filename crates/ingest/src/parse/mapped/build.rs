//! A picked event → the canonical one, in the order that every parser keeps.

use std::borrow::Cow;

use event::{
    ActorType, AppIdKind, AppKind, AppRef, ConsentType, Event, EventId, EventIdHasher, Kind, Outcome as Ended,
    ParseWarning, ParseWarnings, RejectReason, Source, Stream, Tokens, content_id,
};

use super::{
    app::reference,
    field::Field,
    pick::Slot,
    rules::{Mapping, Meaning},
};
use crate::parse::{
    Outcome, ParseContext, net,
    person::{Person, hand_over, is_same},
    stamp::{Reject, country, flag_missing, provider_tenant, stamp, tokens},
    text::composed,
};

/// What becomes of a picked event. `content`: its bytes without layout, asked for where the mapping declares no id.
pub(super) fn build(
    mapping: &Mapping,
    slots: &[Slot<'_>],
    content: &dyn Fn() -> Vec<u8>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) {
    let (native_type, meaning) = mapping.kind.of(slots);
    let kind = match meaning {
        Meaning::Kind(kind) => kind,
        Meaning::Ignored => return sink(Outcome::Ignored { native_type: &native_type }),
        Meaning::Rejected => return sink(Reject(RejectReason::NotAnEvent, "a type that the mapping rejects").into()),
    };
    let event = Picked { mapping, slots, content, kind, native_type };
    if let Err(reject) = event.hand_over(context, sink) {
        sink(reject.into());
    }
}

/// Texts of an event before login names are judged: what may be a typed password, if it failed.
pub(super) fn typed_names(mapping: &Mapping, slots: &[Slot<'_>]) -> Vec<String> {
    let fields =
        [Field::UserEmail, Field::UserId, Field::UserName, Field::ActorEmail, Field::ActorId, Field::ActorName];
    let texts = fields.iter().map(|field| mapping.field(*field, slots));
    texts.filter(|text| !text.is_empty() && !crate::parse::text::is_email_like(text)).map(str::to_owned).collect()
}

/// An event with its kind.
struct Picked<'v> {
    mapping: &'v Mapping,
    slots: &'v [Slot<'v>],
    content: &'v dyn Fn() -> Vec<u8>,
    kind: Kind,
    native_type: Cow<'v, str>,
}

impl<'v> Picked<'v> {
    fn text(&self, field: Field) -> &'v str {
        self.mapping.field(field, self.slots)
    }

    fn hand_over(&self, context: &ParseContext<'_>, sink: &mut dyn FnMut(Outcome<'_>)) -> Result<(), Reject> {
        let mut warnings = ParseWarnings::NONE;
        let tenant = provider_tenant(context.provider_tenant, self.text(Field::ProviderTenant))?;
        let occurred_at = self.occurred_at(&mut warnings)?;
        let (app_kind, app_id, app_name) = self.app();
        let app_name = composed(&app_name);
        let (subject, actor) = self.people();
        let lists = [Field::Scopes, Field::ScopesAdded, Field::ScopesRemoved, Field::Resources]
            .map(|field| self.tokens(field, &mut warnings));
        let city = composed(self.text(Field::City));
        let place = Cow::Borrowed(self.text(Field::Country));

        let id = self.event_id(tenant, &mut warnings);
        let mut event = Event::new(id, Source::Mapped, context.tenant, self.kind, occurred_at);
        let native_id = self.native_id();
        event.native_id = &native_id;
        event.user_key = subject.key(context, Source::Mapped);
        event.actor_key = actor.key(context, Source::Mapped);
        event.app = AppRef { source: Source::Mapped, id_kind: app_kind, id: &app_id };
        event.app_name = &app_name;
        let [scopes, added, removed, resources] = &lists;
        event.scopes = Tokens::from_canonical(scopes);
        event.scopes_added = Tokens::from_canonical(added);
        event.scopes_removed = Tokens::from_canonical(removed);
        event.resources = Tokens::from_canonical(resources);
        event.city = &city;
        event.country = country(&place, &mut warnings);
        event.warnings = warnings;
        self.describe(&mut event);
        self.circumstances(&mut event);
        if subject.is_name_dropped || actor.is_name_dropped {
            event.warnings.add(ParseWarning::TypedNameDropped);
        }
        flag_missing(&mut event);
        stamp(&mut event, context, tenant);
        hand_over(&event, &subject, &actor, sink);
        Ok(())
    }

    fn occurred_at(&self, warnings: &mut ParseWarnings) -> Result<event::Timestamp, Reject> {
        let rule = &self.mapping.time;
        let text = rule.from.text(self.slots);
        if text.is_empty() {
            return Err(Reject(RejectReason::MissingField, "time"));
        }
        let read = rule.format.read(text, rule.zone_minutes).ok_or(Reject(RejectReason::BadTime, "time"))?;
        if read.is_zone_missing {
            warnings.add(ParseWarning::ZoneMissing);
        }
        Ok(read.at)
    }

    /// The kind and the text of the app's id, and its name.
    fn app(&self) -> (AppIdKind, String, String) {
        let Some(rule) = &self.mapping.app else { return (AppIdKind::None, String::new(), String::new()) };
        let (kind, id, own_name) = reference(rule.id_kind, &self.mapping.name, rule.id.text(self.slots));
        let name = rule.name.as_ref().map_or("", |name| name.text(self.slots));
        (kind, id, if name.is_empty() { own_name } else { name.to_owned() })
    }

    /// Whose access it is, and who acted where that is another.
    fn people(&self) -> (Person<'v>, Person<'v>) {
        // What is typed at a login that did not succeed may be a password.
        let is_typed = matches!(self.kind, Kind::LoginFailure | Kind::LoginChallenge);
        let person = |id, email, name| Person::new(self.text(id), self.text(email), self.text(name), is_typed);
        let subject = person(Field::UserId, Field::UserEmail, Field::UserName);
        let actor = person(Field::ActorId, Field::ActorEmail, Field::ActorName);
        let actor = if is_same(&subject, &actor) { Person::default() } else { actor };
        (subject, actor)
    }

    fn tokens(&self, field: Field, warnings: &mut ParseWarnings) -> String {
        let Some(rule) = self.mapping.rule(field) else { return String::new() };
        let texts = rule.from.texts(self.slots);
        tokens(texts.into_iter().flat_map(|text| text.split([',', ';'])), warnings)
    }

    /// What the source calls the event: its declared fields, joined by dots where there are several.
    fn native_id(&self) -> String {
        let parts = self.mapping.id.iter().map(|origin| origin.text(self.slots)).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(".")
    }

    fn event_id(&self, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
        let parts: Vec<&str> = self.mapping.id.iter().map(|origin| origin.text(self.slots)).collect();
        if parts.iter().all(|part| part.is_empty()) {
            warnings.add(ParseWarning::NoNativeId);
            let content = [self.mapping.name.as_bytes(), b"\n", &(self.content)()].concat();
            return content_id(Source::Mapped, tenant, &content);
        }
        // The parts are framed, so that ("a", "b.c") and ("a.b", "c") differ.
        let named = EventIdHasher::new(Source::Mapped, tenant).field(&self.mapping.name);
        parts.into_iter().fold(named, EventIdHasher::field).finish()
    }

    /// What happened, to what, and how it ended.
    fn describe<'a>(&'a self, event: &mut Event<'a>)
    where
        'v: 'a,
    {
        let declared = self.text(Field::NativeType);
        event.native_type = if declared.is_empty() { &self.native_type } else { declared };
        event.stream = Stream::parse(self.text(Field::Stream)).unwrap_or(Stream::Unknown);
        event.is_supporting = is_true(self.text(Field::IsSupporting));
        event.correlation_id = self.text(Field::CorrelationId);
        event.session_id = self.text(Field::SessionId);
        event.transaction_id = self.text(Field::TransactionId);
        let format = &self.mapping.time;
        let available_at = format.format.read(self.text(Field::AvailableAt), format.zone_minutes);
        event.available_at = available_at.map_or(event::Timestamp::MISSING, |read| read.at);
        let by_person =
            if event.user_key.is_some() || event.actor_key.is_some() { ActorType::User } else { ActorType::Unknown };
        event.actor_type = ActorType::parse(self.text(Field::ActorType)).unwrap_or(by_person);
        event.app_object_id = self.text(Field::AppObjectId);
        event.app_kind = AppKind::parse(self.text(Field::AppKind)).unwrap_or(AppKind::Unknown);
        event.consent_type = ConsentType::parse(self.text(Field::ConsentType)).unwrap_or(ConsentType::Unknown);
        event.grant_id = self.text(Field::GrantId);
        event.outcome = match self.mapping.rule(Field::Outcome) {
            Some(rule) => Ended::parse(rule.text(self.slots)).unwrap_or(Ended::Unknown),
            None => of_kind(self.kind),
        };
        event.outcome_code = self.text(Field::OutcomeCode);
        event.outcome_reason = self.text(Field::OutcomeReason);
    }

    /// How people proved who they are, and from where.
    fn circumstances<'a>(&'a self, event: &mut Event<'a>)
    where
        'v: 'a,
    {
        event.auth_method = self.text(Field::AuthMethod);
        event.is_mfa = is_true(self.text(Field::IsMfa));
        event.auth_protocol = self.text(Field::AuthProtocol);
        let address = self.text(Field::Ip);
        match net::ip(address) {
            Some(ip) => event.ip = ip,
            None if address.is_empty() => {}
            None => event.warnings.add(ParseWarning::BadIp),
        }
        let asn = self.text(Field::Asn);
        event.asn = asn.strip_prefix("AS").unwrap_or(asn).parse().unwrap_or(0);
        event.as_org = self.text(Field::AsOrg);
        event.is_proxy = is_true(self.text(Field::IsProxy));
        event.user_agent = self.text(Field::UserAgent);
        event.ua_os = self.text(Field::UaOs);
        event.ua_browser = self.text(Field::UaBrowser);
    }
}

/// How an event of a kind ended, where the mapping does not say: only what the kind itself says.
const fn of_kind(kind: Kind) -> Ended {
    match kind {
        Kind::LoginSuccess => Ended::Success,
        Kind::LoginFailure => Ended::Failure,
        Kind::LoginChallenge => Ended::Challenge,
        Kind::OauthDenied => Ended::Denied,
        _ => Ended::Unknown,
    }
}

/// Is it true, however that is written?
fn is_true(text: &str) -> bool {
    ["true", "1", "yes", "y"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
