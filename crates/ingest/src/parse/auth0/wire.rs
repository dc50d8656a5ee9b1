//! The fields of Auth0's tenant log that we read. A log stream wraps each entry as `{"log_id":…,"data":{…}}`, the Management API does not.

use crate::parse::fields::{Text, Texts, wire_struct};

wire_struct! {
    /// The wrapping.
    Wrapped<'a> {
        id: Text<'a> = "log_id",
        log: Option<Log<'a>> = "data",
    }
}

wire_struct! {
    /// One entry.
    Log<'a> {
        id: Text<'a> = "log_id" | "_id",
        code: Text<'a> = "type",
        at: Text<'a> = "date",
        description: Text<'a> = "description",
        tenant: Text<'a> = "tenant_name",
        client_id: Text<'a> = "client_id",
        client_name: Text<'a> = "client_name",
        user_id: Text<'a> = "user_id",
        user_name: Text<'a> = "user_name",
        connection: Text<'a> = "connection",
        strategy: Text<'a> = "strategy",
        audience: Text<'a> = "audience",
        scope: Texts<'a> = "scope",
        ip: Text<'a> = "ip",
        user_agent: Text<'a> = "user_agent",
        place: Place<'a> = "location_info",
        details: Details<'a> = "details",
    }
}

wire_struct! {
    /// Where the address lies.
    Place<'a> {
        country: Text<'a> = "country_code",
        city: Text<'a> = "city_name",
    }
}

wire_struct! {
    /// For an operation of the Management API, what was asked and answered.
    Details<'a> {
        session: Text<'a> = "session_id",
        request: Request<'a> = "request",
        response: Response<'a> = "response",
    }
}

wire_struct! {
    /// The call.
    Request<'a> {
        method: Text<'a> = "method",
        path: Text<'a> = "path",
        body: Body<'a> = "body",
        auth: Auth<'a> = "auth",
    }
}

wire_struct! {
    /// Who called.
    Auth<'a> { user: User<'a> = "user" }
}

wire_struct! {
    /// An administrator.
    User<'a> {
        id: Text<'a> = "user_id",
        email: Text<'a> = "email",
        name: Text<'a> = "name",
    }
}

wire_struct! {
    /// The answer.
    Response<'a> { body: Body<'a> = "body" }
}

wire_struct! {
    /// What is told of an app, in the call or in the answer.
    Body<'a> {
        client_id: Text<'a> = "client_id",
        integration_id: Text<'a> = "integration_id",
        name: Text<'a> = "name",
        grant_id: Text<'a> = "id",
        audience: Text<'a> = "audience",
        scope: Texts<'a> = "scope",
    }
}
