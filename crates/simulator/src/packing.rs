//! The body of one delivery while it grows: the envelope, the elements, and what becomes of each.

use crate::{
    apps::{Access, Provider},
    company::Company,
    entra, google,
    malformed::Malformation,
    moment::{Moment, Role},
    okta,
    random::Random,
    truth::ElementTruth,
    ual,
    writer::{Writer, guid, okta_id},
};

/// What stands around the elements of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Okta's event hook: `{…,"data":{"events":[…]}}`, for `POST /v1/okta/{connection}`.
    OktaHook,
    /// `[…]`: a page of Okta's log or a blob of the unified audit log, for `POST /v1/events/{connection}`.
    Array,
    /// `{"records":[…]}`: a message of an event hub, for `POST /v1/events/{connection}`.
    Records,
    /// `{"kind":"admin#reports#activities","items":[…]}`: a page of Google's Reports API, for `POST /v1/events/{connection}`.
    Activities,
    /// One element a line, for `POST /v1/events/{connection}`.
    Lines,
}

/// A delivery that is not closed yet.
pub(crate) struct Packing {
    form: Form,
    elements_max: usize,
    body_bytes_max: usize,
    identity: u64,
    body: Vec<u8>,
    elements: Vec<ElementTruth>,
    /// Damaged lines that would have stood first: a body whose first line is damaged cannot be told from one of no known form.
    held: Vec<Moment>,
    scratch: Vec<u8>,
    /// Is the element put last no JSON?
    is_last_shapeless: bool,
}

impl Packing {
    pub(crate) fn new(form: Form, elements_max: usize, body_bytes_max: usize, identity: u64) -> Packing {
        let (body, elements, held, scratch) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let is_last_shapeless = false;
        Packing { form, elements_max, body_bytes_max, identity, body, elements, held, scratch, is_last_shapeless }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.elements.len() >= self.elements_max || self.body.len() >= self.body_bytes_max
    }

    /// Takes an element in, and says what becomes of it.
    pub(crate) fn put(&mut self, company: &Company, moment: &Moment) -> ElementTruth {
        let moment = &self.told_apart(moment);
        let element = truth_of(company, moment);
        let is_damaged = matches!(moment.role, Role::Malformed(_));
        if is_damaged && self.form == Form::Lines && self.elements.is_empty() {
            self.held.push(*moment);
            return element;
        }
        self.write(company, moment, element.clone());
        self.release(company);
        element
    }

    /// Behind an element without structure, the next one is found by what an event looks like. Where it does not look like one either, the
    /// two cannot be told from one, so the second is damaged in another way. Lines tell two broken events apart, too.
    fn told_apart(&mut self, moment: &Moment) -> Moment {
        let was_shapeless = self.is_last_shapeless;
        self.is_last_shapeless = matches!(moment.role, Role::Malformed(malformation) if malformation.is_shapeless());
        let is_no_event = matches!(moment.role, Role::Malformed(Malformation::NotAnEvent));
        if was_shapeless && (is_no_event || (self.is_last_shapeless && self.form != Form::Lines)) {
            self.is_last_shapeless = false;
            return Moment { role: Role::Malformed(Malformation::NoTime), ..*moment };
        }
        *moment
    }

    fn release(&mut self, company: &Company) {
        for held in std::mem::take(&mut self.held) {
            let element = truth_of(company, &held);
            self.write(company, &held, element);
        }
    }

    fn write(&mut self, company: &Company, moment: &Moment, element: ElementTruth) {
        if self.elements.is_empty() {
            self.begin(company, moment);
        } else {
            self.body.extend_from_slice(if self.form == Form::Lines { b"\n" } else { b"," });
        }
        let provider = moment.feed.provider();
        let write = writer_of(provider);
        if let Role::Malformed(malformation) = moment.role {
            self.scratch.clear();
            write(company, moment, &mut self.scratch);
            let (tenant, is_line) = (company.settings.provider_tenant(provider), self.form == Form::Lines);
            malformation.apply(&mut self.scratch, moment.identity, tenant, is_line);
            self.body.extend_from_slice(&self.scratch);
        } else {
            write(company, moment, &mut self.body);
        }
        self.elements.push(element);
    }

    /// Closes the envelope.
    pub(crate) fn finish(mut self, company: &Company) -> (Form, Vec<u8>, Vec<ElementTruth>) {
        self.release(company);
        self.body.extend_from_slice(match self.form {
            Form::OktaHook => b"]}}".as_slice(),
            Form::Array => b"]",
            Form::Records | Form::Activities => b"]}",
            Form::Lines => b"\n",
        });
        (self.form, self.body, self.elements)
    }

    fn begin(&mut self, company: &Company, first: &Moment) {
        let mut random = Random::new(self.identity);
        let mut writer = Writer(&mut self.body);
        match self.form {
            Form::OktaHook => {
                writer.raw("{\"eventType\":\"com.okta.event_hook\",\"eventTypeVersion\":\"1.0\",");
                writer.raw("\"cloudEventsVersion\":\"0.1\",\"source\":\"https://").raw(&company.settings.okta_host);
                let hook = okta_id("who", &mut Random::stream(company.settings.seed, "hook", 0));
                writer.raw("/api/v1/eventHooks/").raw(&hook).raw("\",\"eventId\":\"").raw(&guid(&mut random));
                writer.raw("\",\"eventTime\":\"").time(company.settings.anchor_ms + first.due);
                writer.raw("Z\",\"contentType\":\"application/json\",\"data\":{\"events\":[");
            }
            Form::Array => {
                writer.raw("[");
            }
            Form::Records => {
                writer.raw("{\"records\":[");
            }
            Form::Activities => {
                writer.raw("{\"kind\":\"admin#reports#activities\",\"etag\":\"\\\"").raw(&guid(&mut random));
                writer.raw("\\\"\",\"items\":[");
            }
            Form::Lines => (),
        }
    }
}

/// How events of a provider are written.
pub(crate) const fn writer_of(provider: Provider) -> fn(&Company, &Moment, &mut Vec<u8>) {
    match provider {
        Provider::Okta => okta::write,
        Provider::Entra => entra::write,
        Provider::GoogleWorkspace => google::write,
        Provider::M365Ual => ual::write,
    }
}

fn truth_of(company: &Company, moment: &Moment) -> ElementTruth {
    let native_type = moment.native_type();
    match moment.role {
        Role::Malformed(malformation) => ElementTruth::Rejected { reason: malformation.reason() },
        _ if moment.action.is_noise() => ElementTruth::Ignored { native_type },
        Role::Copy => ElementTruth::Duplicate { native_id: moment.native_id().0 },
        Role::Original => {
            let is_first_party = company.app(moment.app).access == Access::FirstParty;
            let kind = moment.kind(is_first_party);
            ElementTruth::Event { native_id: moment.native_id().0, native_type, kind, incident: moment.incident }
        }
    }
}
