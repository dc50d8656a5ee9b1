//! The fields that we read of Slack's three logs, which one struct holds: their keys do not clash.

use crate::parse::fields::{List, Text, wire_struct};

wire_struct! {
    /// An entry of the audit log, of `team.integrationLogs`, or of `team.accessLogs`.
    Entry<'a> {
        id: Text<'a> = "id",
        action: Text<'a> = "action",
        created_at: Text<'a> = "date_create",
        actor: Actor<'a> = "actor",
        entity: Entity<'a> = "entity",
        context: Context<'a> = "context",
        details: Details<'a> = "details",

        user_id: Text<'a> = "user_id",
        user_name: Text<'a> = "user_name" | "username",

        change: Text<'a> = "change_type",
        changed_at: Text<'a> = "date",
        app_id: Text<'a> = "app_id",
        app_name: Text<'a> = "app_type",
        service_id: Text<'a> = "service_id",
        service_name: Text<'a> = "service_type",
        scope: Text<'a> = "scope",
        reason: Text<'a> = "reason",

        first_at: Text<'a> = "date_first",
        last_at: Text<'a> = "date_last",
        ip: Text<'a> = "ip",
        user_agent: Text<'a> = "user_agent",
        provider: Text<'a> = "isp",
        country: Text<'a> = "country",
    }
}

wire_struct! {
    /// Who acted: always a user, who may be Slack itself.
    Actor<'a> { user: User<'a> = "user" }
}

wire_struct! {
    /// A person. `team` is the home of a guest, and no sign of whose log this is.
    User<'a> {
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        email: Text<'a> = "email",
    }
}

wire_struct! {
    /// What was acted on: one member, named after `type`.
    Entity<'a> {
        app: App<'a> = "app",
        user: User<'a> = "user",
    }
}

wire_struct! {
    /// An app, with the scopes that it has.
    App<'a> {
        id: Text<'a> = "id",
        name: Text<'a> = "name",
        scopes: List<Text<'a>> = "scopes",
        bot_scopes: List<Text<'a>> = "scopes_bot",
    }
}

wire_struct! {
    /// Where and from where.
    Context<'a> {
        ip: Text<'a> = "ip_address",
        user_agent: Text<'a> = "ua",
        session: Text<'a> = "session_id",
        location: Location<'a> = "location",
    }
}

wire_struct! {
    /// The workspace (`T…`) or the enterprise (`E…`).
    Location<'a> { id: Text<'a> = "id" }
}

wire_struct! {
    /// What else is told; the members differ by action.
    Details<'a> {
        scopes: List<Text<'a>> = "scopes",
        bot_scopes: List<Text<'a>> = "bot_scopes",
        new_scopes: List<Text<'a>> = "new_scopes",
        previous_scopes: List<Text<'a>> = "previous_scopes" | "old_scopes",
        reasons: List<Text<'a>> = "reason",
        login_kind: Text<'a> = "type",
        app_id: Text<'a> = "app_id",
    }
}
