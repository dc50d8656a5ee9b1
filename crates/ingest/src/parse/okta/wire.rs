//! The fields of a `LogEvent` that we read; everything else is passed over (`debugData` above all: an open map whose values change type).

use crate::parse::fields::{List, Text, wire_struct};

wire_struct! {
    /// One event of the System Log.
    LogEvent<'a> {
        uuid: Text<'a> = "uuid",
        published: Text<'a> = "published",
        inserted: Text<'a> = "insertionTimestamp",
        event_type: Text<'a> = "eventType",
        actor: Actor<'a> = "actor",
        client: Client<'a> = "client",
        outcome: Ended<'a> = "outcome",
        target: List<Target<'a>> = "target",
        transaction: Transaction<'a> = "transaction",
        debug: Debug<'a> = "debugContext",
        auth: Auth<'a> = "authenticationContext",
        security: Security<'a> = "securityContext",
        request: Request<'a> = "request",
    }
}

wire_struct! {
    /// Who acted: a person, a client, the system.
    Actor<'a> {
        id: Text<'a> = "id",
        kind: Text<'a> = "type",
        alternate_id: Text<'a> = "alternateId",
        display_name: Text<'a> = "displayName",
    }
}

wire_struct! {
    /// Where the request came from; null for jobs.
    Client<'a> {
        id: Text<'a> = "id",
        ip: Text<'a> = "ipAddress",
        geo: Geo<'a> = "geographicalContext",
        user_agent: UserAgent<'a> = "userAgent",
    }
}

wire_struct! {
    /// The country is its English name.
    Geo<'a> {
        city: Text<'a> = "city",
        country: Text<'a> = "country",
    }
}

wire_struct! {
    /// The user agent as sent, and as Okta reads it.
    UserAgent<'a> {
        raw: Text<'a> = "rawUserAgent",
        os: Text<'a> = "os",
        browser: Text<'a> = "browser",
    }
}

wire_struct! {
    /// How it ended.
    Ended<'a> {
        result: Text<'a> = "result",
        reason: Text<'a> = "reason",
    }
}

wire_struct! {
    /// One thing or person that the event is about.
    Target<'a> {
        id: Text<'a> = "id",
        kind: Text<'a> = "type",
        alternate_id: Text<'a> = "alternateId",
        display_name: Text<'a> = "displayName",
        detail: Detail<'a> = "detailEntry",
    }
}

wire_struct! {
    /// What we read of a target's details. Secrets stand here too (`clientsecret`); they are never read.
    Detail<'a> {
        sign_on_mode: Text<'a> = "signOnModeType",
        client: Text<'a> = "publicclientapp",
        authorization_server: Text<'a> = "authorizationserver",
        user: Text<'a> = "user",
    }
}

wire_struct! {
    /// The request or job that the event belongs to.
    Transaction<'a> {
        id: Text<'a> = "id",
    }
}

wire_struct! {
    /// Wraps the open map.
    Debug<'a> {
        data: DebugData<'a> = "debugData",
    }
}

wire_struct! {
    /// The few entries of the open map that mean something to us.
    DebugData<'a> {
        granted_scopes: Text<'a> = "grantedScopes",
        requested_scopes: Text<'a> = "requestedScopes",
        sign_on_mode: Text<'a> = "signOnMode",
        factor: Text<'a> = "factor",
    }
}

wire_struct! {
    /// How somebody proved who they are.
    Auth<'a> {
        provider: Text<'a> = "authenticationProvider",
        credential_provider: Text<'a> = "credentialProvider",
        credential: Text<'a> = "credentialType",
        session: Text<'a> = "externalSessionId",
        root_session: Text<'a> = "rootSessionId",
    }
}

wire_struct! {
    /// The network.
    Security<'a> {
        as_number: Text<'a> = "asNumber",
        as_org: Text<'a> = "asOrg",
        is_proxy: Text<'a> = "isProxy",
    }
}

wire_struct! {
    /// The chain of addresses, the client's first.
    Request<'a> {
        chain: List<Hop<'a>> = "ipChain",
    }
}

wire_struct! {
    /// One address of the chain.
    Hop<'a> {
        ip: Text<'a> = "ip",
    }
}
