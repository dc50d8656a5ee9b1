//! The fields of Entra's records that we read.
//!
//! A diagnostic record (Event Hubs) is an envelope around `properties`, and `properties` is what Graph returns bare. Some exporters write
//! the envelope's keys in lower case.

use crate::parse::fields::{List, Text, wire_struct};

wire_struct! {
    /// The envelope of a diagnostic record.
    Record<'a> {
        time: Text<'a> = "time",
        tenant_id: Text<'a> = "tenantId" | "tenantid",
        resource_id: Text<'a> = "resourceId" | "resourceid",
        operation: Text<'a> = "operationName" | "operationname",
        category: Text<'a> = "category",
        result_type: Text<'a> = "resultType" | "resulttype",
        result_description: Text<'a> = "resultDescription" | "resultdescription",
        caller_ip: Text<'a> = "callerIpAddress" | "calleripaddress",
        correlation: Text<'a> = "correlationId" | "correlationid",
        country: Text<'a> = "location",
        properties: Option<Properties<'a>> = "properties",
    }
}

wire_struct! {
    /// A sign-in or a directory audit: the fields of both, which do not clash.
    Properties<'a> {
        id: Text<'a> = "id",
        tenant_id: Text<'a> = "tenantId",
        correlation: Text<'a> = "correlationId",
        user_agent: Text<'a> = "userAgent",

        activity: Text<'a> = "activityDisplayName",
        activity_at: Text<'a> = "activityDateTime",
        result: Text<'a> = "result",
        result_reason: Text<'a> = "resultReason",
        initiated_by: Initiator<'a> = "initiatedBy",
        targets: List<Target<'a>> = "targetResources",
        details: List<Detail<'a>> = "additionalDetails",

        created_at: Text<'a> = "createdDateTime",
        app_id: Text<'a> = "appId",
        app_name: Text<'a> = "appDisplayName",
        app_object_id: Text<'a> = "appServicePrincipalId",
        service_principal_id: Text<'a> = "servicePrincipalId",
        service_principal_name: Text<'a> = "servicePrincipalName",
        resource_id: Text<'a> = "resourceId",
        user_id: Text<'a> = "userId",
        user_name: Text<'a> = "userPrincipalName",
        user_display_name: Text<'a> = "userDisplayName",
        event_types: List<Text<'a>> = "signInEventTypes",
        protocol: Text<'a> = "authenticationProtocol",
        requirement: Text<'a> = "authenticationRequirement",
        steps: List<Step<'a>> = "authenticationDetails",
        mfa: Mfa<'a> = "mfaDetail",
        ip: Text<'a> = "ipAddress",
        as_number: Text<'a> = "autonomousSystemNumber",
        location: Location<'a> = "location",
        status: Status<'a> = "status",
        device: Device<'a> = "deviceDetail",
        session: Text<'a> = "sessionId",
        token_id: Text<'a> = "uniqueTokenIdentifier",
    }
}

wire_struct! {
    /// Who acted in a directory audit.
    Initiator<'a> {
        user: User<'a> = "user",
        app: App<'a> = "app",
    }
}

wire_struct! {
    /// A person who acted.
    User<'a> {
        id: Text<'a> = "id",
        name: Text<'a> = "userPrincipalName",
        display_name: Text<'a> = "displayName",
        ip: Text<'a> = "ipAddress",
    }
}

wire_struct! {
    /// An app that acted.
    App<'a> {
        id: Text<'a> = "appId",
        service_principal_id: Text<'a> = "servicePrincipalId",
        display_name: Text<'a> = "displayName",
    }
}

wire_struct! {
    /// What a directory audit is about.
    Target<'a> {
        id: Text<'a> = "id",
        kind: Text<'a> = "type",
        display_name: Text<'a> = "displayName",
        user_name: Text<'a> = "userPrincipalName",
        modified: List<Modified<'a>> = "modifiedProperties",
    }
}

wire_struct! {
    /// A property before and after; the values are JSON inside a text.
    Modified<'a> {
        name: Text<'a> = "displayName",
        old: Text<'a> = "oldValue",
        new: Text<'a> = "newValue",
    }
}

wire_struct! {
    /// One of a directory audit's additional details.
    Detail<'a> {
        key: Text<'a> = "key",
        value: Text<'a> = "value",
    }
}

wire_struct! {
    /// One step of an authentication.
    Step<'a> {
        method: Text<'a> = "authenticationMethod",
        succeeded: Text<'a> = "succeeded",
    }
}

wire_struct! {
    /// The second factor.
    Mfa<'a> {
        method: Text<'a> = "authMethod",
    }
}

wire_struct! {
    /// Where the address lies; the country is a code.
    Location<'a> {
        city: Text<'a> = "city",
        country: Text<'a> = "countryOrRegion",
    }
}

wire_struct! {
    /// How a sign-in ended.
    Status<'a> {
        code: Text<'a> = "errorCode",
        reason: Text<'a> = "failureReason",
        details: Text<'a> = "additionalDetails",
    }
}

wire_struct! {
    /// The device, as Entra reads the user agent.
    Device<'a> {
        os: Text<'a> = "operatingSystem",
        browser: Text<'a> = "browser",
    }
}
