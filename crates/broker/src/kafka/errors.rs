//! Kafka's errors in the words of this crate: retry, reject or halt.
//!
//! That a topic or partition is unknown is no refusal: whether it exists was asked before (`Engine::facts`), and brokers that start, as well as
//! clients that have just come, do not know it for a moment.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::words::without_values;
use crate::{AppendError, CommitError, ConsumeError};

/// Why a record was not produced.
pub(super) fn append_error(error: &KafkaError) -> AppendError {
    let reason = without_values(error);
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::MessageBatchTooLarge
            | RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::TopicAuthorizationFailed,
        ) => AppendError::Refused { reason },
        Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced) => {
            AppendError::Fenced { reason }
        }
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => AppendError::Refused { reason },
        _ => AppendError::Unavailable { reason },
    }
}

/// Why nothing was read. An offset that the log does not hold is not among them: librdkafka does not say of which partition.
pub(super) fn consume_error(error: &KafkaError) -> ConsumeError {
    let reason = without_values(error);
    if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) {
        return ConsumeError::Refused { reason };
    }
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::TopicAuthorizationFailed,
        ) => ConsumeError::Refused { reason },
        _ => ConsumeError::Unavailable { reason },
    }
}

/// Why a commit did not happen.
pub(super) fn commit_error(error: &KafkaError) -> CommitError {
    let reason = without_values(error);
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::AssignmentLost
            | RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::FencedMemberEpoch
            | RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::StaleMemberEpoch
            | RDKafkaErrorCode::UnknownMemberId,
        ) => CommitError::Fenced,
        Some(
            RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::InvalidCommitOffsetSize
            | RDKafkaErrorCode::OffsetMetadataTooLarge
            | RDKafkaErrorCode::TopicAuthorizationFailed,
        ) => CommitError::Refused { reason },
        _ => CommitError::Unavailable { reason },
    }
}

/// A commit met a change of the group. The partition may still be ours: with cooperative groups a new generation takes only what it moves.
pub(super) fn is_group_in_motion(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::IllegalGeneration | RDKafkaErrorCode::RebalanceInProgress))
}

/// Does nobody lead a partition just now, or does this client not know who? Then the answer comes at once, and asking again helps.
pub(super) fn is_leader_unknown(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::KafkaStorageError
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_says_that_starts_is_waited_for_and_what_is_forbidden_is_not() {
        for (code, is_waited_for) in [
            (RDKafkaErrorCode::UnknownPartition, true),
            (RDKafkaErrorCode::UnknownTopicOrPartition, true),
            (RDKafkaErrorCode::NotLeaderForPartition, true),
            (RDKafkaErrorCode::LeaderNotAvailable, true),
            (RDKafkaErrorCode::TopicAuthorizationFailed, false),
            (RDKafkaErrorCode::Fatal, false),
        ] {
            let error = KafkaError::MetadataFetch(code);
            let is_read_later = matches!(consume_error(&error), ConsumeError::Unavailable { .. });
            assert_eq!((is_read_later, is_leader_unknown(&error)), (is_waited_for, is_waited_for), "{code:?}");
            let is_written_later = matches!(append_error(&error), AppendError::Unavailable { .. });
            assert_eq!(is_written_later, is_waited_for || code == RDKafkaErrorCode::Fatal, "{code:?}");
        }
    }
}
