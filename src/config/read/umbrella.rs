//! `cisco-umbrella`: Umbrella's logs, by their files in S3.

use super::super::decode::Mapping;
use super::super::model::ServiceKind;
use super::super::vendor;
use super::feed::object_fed;
use super::queue::Place;

pub(super) fn read(map: &mut Mapping<'_>, place: &mut Place<'_>) -> Option<Vec<ServiceKind>> {
    let objects = object_fed(map, place, &["cisco_umbrella_sqs_queue_name"]);
    // The files have no header that would name the fields of an object.
    map.read("format", |field| field.choice(&[("line", ())]));
    map.accept(vendor::UMBRELLA);
    Some(objects?.into_iter().map(ServiceKind::Umbrella).collect())
}
