//! The fields of Salesforce's events that we read: in capitals where they were columns of an event log file, in camel case where they are
//! fields of a real-time event.

use crate::parse::fields::{Text, wire_struct};

wire_struct! {
    /// What may stand around a real-time event: a message of the streaming API, or the attributes of a query's record.
    Wrapped<'a> {
        channel: Text<'a> = "channel",
        data: Message<'a> = "data",
        payload: Option<Entry<'a>> = "payload",
    }
}

wire_struct! {
    /// A message of the streaming API.
    Message<'a> { payload: Option<Entry<'a>> = "payload" }
}

wire_struct! {
    /// One row or event.
    Entry<'a> {
        kind: Text<'a> = "EVENT_TYPE",
        attributes: Attributes<'a> = "attributes",
        event_id: Text<'a> = "EventIdentifier",
        request: Text<'a> = "REQUEST_ID",
        at: Text<'a> = "TIMESTAMP_DERIVED" | "EventDate",
        compact_at: Text<'a> = "TIMESTAMP",
        created_at: Text<'a> = "CreatedDate",
        org: Text<'a> = "ORGANIZATION_ID",

        user: Text<'a> = "USER_ID_DERIVED" | "UserId",
        user_15: Text<'a> = "USER_ID",
        user_name: Text<'a> = "USER_NAME" | "USERNAME" | "Username",
        user_type: Text<'a> = "USER_TYPE" | "UserType",
        delegate: Text<'a> = "DELEGATED_USER_ID_DERIVED" | "DELEGATED_USER_ID",
        delegate_name: Text<'a> = "DELEGATED_USER_NAME" | "DelegatedUsername",

        app: Text<'a> = "CONNECTED_APP_ID" | "ConnectedAppId",
        app_name: Text<'a> = "CONNECTED_APP_NAME" | "CLIENT_NAME",
        client: Text<'a> = "CLIENT_ID",
        connection: Text<'a> = "CONNECTION_TYPE",
        scopes: Text<'a> = "OAUTH_SCOPES",

        login_status: Text<'a> = "LOGIN_STATUS",
        status: Text<'a> = "STATUS" | "Status",
        login_key: Text<'a> = "LOGIN_KEY" | "LoginKey",
        login_type: Text<'a> = "LOGIN_TYPE" | "LoginType",
        method: Text<'a> = "AUTHENTICATION_METHOD_REFERENCE" | "AuthMethodReference",
        session: Text<'a> = "SESSION_KEY" | "SessionKey",
        client_ip: Text<'a> = "CLIENT_IP",
        source_ip: Text<'a> = "SOURCE_IP" | "SourceIp",
        country: Text<'a> = "COUNTRY_CODE" | "CountryIso",
        city: Text<'a> = "City",
        user_agent: Text<'a> = "BROWSER_TYPE" | "UserAgent",
        browser: Text<'a> = "Browser",
        platform: Text<'a> = "PLATFORM" | "Platform",
        summary: Text<'a> = "SUMMARY" | "Summary",
    }
}

wire_struct! {
    /// What a query says of each record.
    Attributes<'a> { kind: Text<'a> = "type" }
}
