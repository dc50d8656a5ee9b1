//! The fields of the unified audit log's records that we read (Office 365 Management Activity API, schema of `AzureActiveDirectory`).
//!
//! What an Entra record says in named fields stands here in lists of pairs: actors and targets are numbers and texts, of which the number
//! says what the text is (1 a name, 2 an id, 3 a PUID, 4 names of a service principal, 5 a user principal name, 0 an id of a sign-in).

use crate::parse::fields::{List, Text, wire_struct};

wire_struct! {
    /// One record.
    Audit<'a> {
        // A row of an export: the record stands in it as text.
        exported: Text<'a> = "AuditData",
        id: Text<'a> = "Id",
        created: Text<'a> = "CreationTime",
        operation: Text<'a> = "Operation",
        organisation: Text<'a> = "OrganizationId",
        result: Text<'a> = "ResultStatus",
        user: Text<'a> = "UserId",
        client_ip: Text<'a> = "ClientIP",
        actor_ip: Text<'a> = "ActorIpAddress",
        correlation: Text<'a> = "InterSystemsId",
        transaction: Text<'a> = "IntraSystemId",
        object: Text<'a> = "ObjectId",
        application: Text<'a> = "ApplicationId",
        error: Text<'a> = "ErrorNumber",
        logon_error: Text<'a> = "LogonError",
        actors: List<Party<'a>> = "Actor",
        targets: List<Party<'a>> = "Target",
        modified: List<Change<'a>> = "ModifiedProperties",
        extended: List<Pair<'a>> = "ExtendedProperties",
        device: List<Pair<'a>> = "DeviceProperties",
    }
}

wire_struct! {
    /// One thing that is told of an actor or a target.
    Party<'a> {
        id: Text<'a> = "ID",
        kind: Text<'a> = "Type",
    }
}

wire_struct! {
    /// A property before and after; plain, or JSON in a text.
    Change<'a> {
        name: Text<'a> = "Name",
        old: Text<'a> = "OldValue",
        new: Text<'a> = "NewValue",
    }
}

wire_struct! {
    /// A name and its value.
    Pair<'a> {
        name: Text<'a> = "Name",
        value: Text<'a> = "Value",
    }
}

wire_struct! {
    /// What stands as JSON in the extended property `additionalDetails`.
    AdditionalDetails<'a> {
        user_agent: Text<'a> = "User-Agent",
        app_id: Text<'a> = "AppId",
    }
}
