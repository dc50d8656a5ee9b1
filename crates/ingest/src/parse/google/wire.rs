//! The fields of Google's activities that we read.
//!
//! An activity of the Reports API and an entry of Cloud Logging are one struct: their keys do not clash. What differs between senders is how
//! the events stand in it: a list (`events`), one object (Elastic's copies), a singular `event` (Splunk's add-on), spread over the activity itself
//! (Panther), or inside of `protoPayload` (Cloud Logging).

use super::parameters::Parameters;
use crate::parse::fields::{Exact, List, Text, wire_struct};

wire_struct! {
    /// One activity, however it was delivered.
    Activity<'a> {
        kind: Text<'a> = "kind",
        id: Id<'a> = "id",
        actor: Actor<'a> = "actor",
        ip: Text<'a> = "ipAddress",
        network: Network<'a> = "networkInfo",
        happenings: List<Happening<'a>> = "events" | "event",

        spread_name: Text<'a> = "name",
        spread_kind: Text<'a> = "type",
        spread_parameters: Parameters<'a> = "parameters",

        insert_id: Text<'a> = "insertId",
        timestamp: Text<'a> = "timestamp",
        received: Text<'a> = "receiveTimestamp",
        entry: Entry<'a> = "protoPayload",
    }
}

wire_struct! {
    /// What the Reports API calls the activity. The qualifier is a signed number of 64 bits, usually in a text.
    Id<'a> {
        time: Text<'a> = "time",
        qualifier: Exact<'a> = "uniqueQualifier",
        application: Text<'a> = "applicationName",
        customer: Text<'a> = "customerId",
    }
}

wire_struct! {
    /// Who acted. A profile id has 21 digits, more than a number of 64 bits holds.
    Actor<'a> {
        email: Text<'a> = "email",
        profile: Exact<'a> = "profileId",
        caller: Text<'a> = "callerType",
        key: Text<'a> = "key",
    }
}

wire_struct! {
    /// Where the address lies.
    Network<'a> {
        as_numbers: List<Text<'a>> = "ipAsn",
        region: Text<'a> = "regionCode",
    }
}

wire_struct! {
    /// One event of an activity: the unit that we count.
    Happening<'a> {
        name: Text<'a> = "name" | "eventName",
        kind: Text<'a> = "type" | "eventType",
        parameters: Parameters<'a> = "parameters" | "parameter",
    }
}

wire_struct! {
    /// The audit log of Cloud Logging.
    Entry<'a> {
        service: Text<'a> = "serviceName",
        method: Text<'a> = "methodName",
        authentication: Authentication<'a> = "authenticationInfo",
        request: Request<'a> = "requestMetadata",
        metadata: Metadata<'a> = "metadata",
    }
}

wire_struct! {
    /// Who acted.
    Authentication<'a> {
        email: Text<'a> = "principalEmail",
    }
}

wire_struct! {
    /// From where.
    Request<'a> {
        ip: Text<'a> = "callerIp" | "callerIP",
    }
}

wire_struct! {
    /// The activity inside of an entry.
    Metadata<'a> {
        happenings: List<Happening<'a>> = "event" | "events",
    }
}

impl<'a> Activity<'a> {
    /// Takes the events out, from wherever they stand.
    pub(crate) fn take_happenings(&mut self) -> List<Happening<'a>> {
        let own = std::mem::take(&mut self.happenings);
        if !own.items.is_empty() {
            return own;
        }
        let entry = std::mem::take(&mut self.entry.metadata.happenings);
        if !entry.items.is_empty() {
            return entry;
        }
        let (name, kind) = (std::mem::take(&mut self.spread_name), std::mem::take(&mut self.spread_kind));
        let parameters = std::mem::take(&mut self.spread_parameters);
        let items = if name.is_empty() { Vec::new() } else { vec![Happening { name, kind, parameters }] };
        List { items, is_cut: false }
    }
}
