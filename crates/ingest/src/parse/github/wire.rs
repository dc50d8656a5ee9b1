//! The fields of GitHub's audit log that we read. Older servers put half of them into `data`.

use crate::parse::fields::{Text, wire_struct};

wire_struct! {
    /// One entry.
    Entry<'a> {
        id: Text<'a> = "_document_id",
        action: Text<'a> = "action",
        created_at: Text<'a> = "created_at",
        timestamp: Text<'a> = "@timestamp" | "at_sign_timestamp",
        request: Text<'a> = "request_id",

        actor: Text<'a> = "actor",
        actor_id: Text<'a> = "actor_id",
        is_bot: Text<'a> = "actor_is_bot",
        access: Text<'a> = "programmatic_access_type",
        identity: Text<'a> = "external_identity_nameid",
        user: Text<'a> = "user",
        user_id: Text<'a> = "user_id",
        requester: Text<'a> = "requester",

        org: Text<'a> = "org",
        business: Text<'a> = "business",

        name: Text<'a> = "name",
        integration: Text<'a> = "integration",
        client_id: Text<'a> = "application_client_id",
        application_id: Text<'a> = "oauth_application_id",
        application_name: Text<'a> = "oauth_application_name" | "oauth_application" | "application_name",
        token_name: Text<'a> = "user_programmatic_access_name",
        token_grant: Text<'a> = "user_programmatic_access_id",
        scopes: Text<'a> = "scopes",
        token_scopes: Text<'a> = "token_scopes",
        reason: Text<'a> = "reason",

        ip: Text<'a> = "actor_ip",
        place: Place<'a> = "actor_location",
        user_agent: Text<'a> = "user_agent",
        data: Data<'a> = "data",
    }
}

wire_struct! {
    /// The country is its code.
    Place<'a> { country: Text<'a> = "country_code" }
}

wire_struct! {
    /// Where GitHub Enterprise Server of old kept what stands at the top today.
    Data<'a> {
        id: Text<'a> = "_document_id",
        place: Place<'a> = "actor_location",
        request: Text<'a> = "request_id",
        user_agent: Text<'a> = "user_agent",
    }
}
