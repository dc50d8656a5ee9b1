//! Bad input and hard days: the built binary on its embedded log and its hosted ClickHouse, from a provider's JSON to rows and webhooks.

mod deliveries;
