//! Kafka's errors in the words of this crate: retry, reject or halt.

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
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => AppendError::Refused { reason },
        Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced) => {
            AppendError::Fenced { reason }
        }
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => AppendError::Refused { reason },
        Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => AppendError::Closed,
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
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition,
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
