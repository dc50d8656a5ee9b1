//! The fields of a OneLogin event that we read, as the Events API writes them ("Event Resource and Types") and as the webhook does, which
//! has another id and another name for the time.

use crate::parse::fields::{Text, wire_struct};

wire_struct! {
    /// One event. Most fields are null in most events.
    Entry<'a> {
        id: Text<'a> = "id" | "uuid",
        code: Text<'a> = "event_type_id",
        at: Text<'a> = "created_at" | "event_timestamp",
        account: Text<'a> = "account_id",
        actor_id: Text<'a> = "actor_user_id",
        actor_name: Text<'a> = "actor_user_name",
        assumed_by: Text<'a> = "assuming_acting_user_id",
        user_id: Text<'a> = "user_id",
        user_name: Text<'a> = "user_name",
        app_id: Text<'a> = "app_id",
        app_name: Text<'a> = "app_name" | "app-name",
        role_name: Text<'a> = "role_name",
        reason: Text<'a> = "error_description" | "resolution",
        factor: Text<'a> = "authentication_factor_description" | "otp_device_name",
        ip: Text<'a> = "ipaddr" | "ip_address",
        user_agent: Text<'a> = "user_agent",
    }
}
