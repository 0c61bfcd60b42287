//! `service-events-all` and `sqs-cloudwatch-consumer`: EventBridge's events, out of a queue.

use super::super::decode::Mapping;
use super::super::model::ServiceKind;
use super::feed::queue_fed;
use super::queue::Place;

const QUEUE_KEY: &str = "cloudwatch_sqs_queue_name";

pub(super) fn service_events(
    map: &mut Mapping<'_>,
    place: &mut Place<'_>,
) -> Option<Vec<ServiceKind>> {
    queue_fed(map, place, QUEUE_KEY).map(|fed| vec![ServiceKind::ServiceEvents(fed)])
}

pub(super) fn security_hub(
    map: &mut Mapping<'_>,
    place: &mut Place<'_>,
) -> Option<Vec<ServiceKind>> {
    queue_fed(map, place, QUEUE_KEY).map(|fed| vec![ServiceKind::SecurityHub(fed)])
}
