//! The fields of a Dropbox team event that we read (`team_log/get_events`). A member of a union names itself in `.tag`; some exporters write
//! `_tag`, because a dot in a key means something to them.

use crate::parse::fields::{Text, wire_struct};

wire_struct! {
    /// One event.
    TeamEvent<'a> {
        at: Text<'a> = "timestamp",
        kind: Tag<'a> = "event_type",
        actor: Actor<'a> = "actor",
        context: Member<'a> = "context",
        details: Details<'a> = "details",
        origin: Origin<'a> = "origin",
    }
}

wire_struct! {
    /// A member of a union, as far as its name.
    Tag<'a> { tag: Text<'a> = ".tag" | "_tag" }
}

wire_struct! {
    /// Who acted: one member, named after the tag.
    Actor<'a> {
        tag: Text<'a> = ".tag" | "_tag",
        user: Member<'a> = "user",
        admin: Member<'a> = "admin",
    }
}

wire_struct! {
    /// A person. As a context, the member or non-member concerned, or the team, which has none of these fields.
    Member<'a> {
        account_id: Text<'a> = "account_id",
        member_id: Text<'a> = "team_member_id",
        email: Text<'a> = "email",
        name: Text<'a> = "display_name",
    }
}

wire_struct! {
    /// What differs by type.
    Details<'a> {
        app: App<'a> = "app_info",
        integration: Text<'a> = "integration_name",
        method: Tag<'a> = "login_method",
    }
}

wire_struct! {
    /// A linked app.
    App<'a> {
        id: Text<'a> = "app_id",
        name: Text<'a> = "display_name",
    }
}

wire_struct! {
    /// From where.
    Origin<'a> {
        place: Place<'a> = "geo_location",
        access: Access<'a> = "access_method",
    }
}

wire_struct! {
    /// Where the address lies.
    Place<'a> {
        ip: Text<'a> = "ip_address",
        country: Text<'a> = "country",
        city: Text<'a> = "city",
    }
}

wire_struct! {
    /// By which way.
    Access<'a> {
        end_user: Session<'a> = "end_user",
        request: Text<'a> = "request_id",
    }
}

wire_struct! {
    /// A session of a person.
    Session<'a> { id: Text<'a> = "session_id" }
}
