//! Why a cluster cannot be reached, in librdkafka's own words. Its error codes say "transport failure"; that a password is wrong, or that
//! nobody vouches for a certificate, only stands in the sentence that comes with an event.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::Step;

/// The last of these sentences.
#[derive(Default)]
pub(super) struct LastWords(Mutex<Option<Trouble>>);

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What librdkafka says. Holds addresses, never a secret.
    pub(super) reason: String,
    /// At which step of the way in.
    pub(super) step: Step,
    /// Does waiting not help, because somebody has to change a setting first?
    pub(super) is_hopeless: bool,
}

impl LastWords {
    /// Tells the log, and remembers.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        // "All brokers are down" comes last, twice a second, and explains nothing.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::debug!(%error, reason, "librdkafka");
        } else {
            tracing::warn!(%error, reason, "librdkafka");
            let (step, is_hopeless) = (step_of(error), is_hopeless(error, reason));
            *self.lock() = Some(Trouble { reason: reason.to_owned(), step, is_hopeless });
        }
    }

    /// What was heard since the last time that somebody asked so.
    pub(super) fn take(&self) -> Option<Trouble> {
        self.lock().take()
    }

    /// What was heard last.
    pub(super) fn last(&self) -> Option<Trouble> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refused password and a certificate that nobody vouches for stay so. Another handshake that fails may be a broker that is starting.
fn is_hopeless(error: &KafkaError, reason: &str) -> bool {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication) => true,
        Some(RDKafkaErrorCode::SSL) => reason.contains("certificate verify failed"),
        _ => false,
    }
}

/// Names, connections and TLS have codes of their own; all else that is no answer is a connection that does not come about.
fn step_of(error: &KafkaError) -> Step {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Authentication) => Step::Login,
        Some(RDKafkaErrorCode::SSL) => Step::Tls,
        _ => Step::Address,
    }
}

/// An error without the value of a setting, which may be a secret.
pub(super) fn without_values(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, name, _) => format!("the setting {name}: {description}"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn a_setting_that_is_refused_is_named_without_its_value() {
        let unknown = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
        let (name, value) = ("sasl.pasword".to_owned(), "planted-secret".to_owned());
        let words = without_values(&KafkaError::ClientConfig(unknown, "No such property".to_owned(), name, value));
        assert!(words.contains("sasl.pasword") && !words.contains("planted"), "{words}");
    }

    #[test]
    fn waiting_helps_unless_a_setting_must_be_changed() {
        for (code, reason, step, is_hopeless) in [
            (RDKafkaErrorCode::Authentication, "SASL authentication error: Invalid username", Step::Login, true),
            (RDKafkaErrorCode::SSL, "SSL handshake failed: certificate verify failed: self-signed", Step::Tls, true),
            (RDKafkaErrorCode::SSL, "SSL handshake failed: Disconnected", Step::Tls, false),
            (RDKafkaErrorCode::Resolve, "Failed to resolve 'hub:9093'", Step::Address, false),
            (RDKafkaErrorCode::BrokerTransportFailure, "Connect failed: Connection refused", Step::Address, false),
        ] {
            let words = LastWords::default();
            words.hear(&KafkaError::Global(code), reason);
            words.hear(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
            let heard = Some(Trouble { reason: reason.to_owned(), step, is_hopeless });
            assert_eq!((words.last(), words.take(), words.last()), (heard.clone(), heard, None));
        }
    }
}
