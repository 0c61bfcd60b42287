//! `audit-events-all`: CloudTrail, by its files in S3.

use super::super::decode::{Field, Mapping};
use super::super::model::{AuditsS3, ServiceKind};
use super::super::vendor;
use super::feed::{object_fed, use_region_and_account_id_from_event};
use super::queue::Place;
use super::types::{self, FileType};

const AUDITS_S3: FileType<()> = FileType {
    name: "audits_s3",
    queue_key: "audit_sqs_queue_name",
    files: (),
};

pub(super) fn read(map: &mut Mapping<'_>, place: &mut Place<'_>) -> Option<Vec<ServiceKind>> {
    let types = types::read(map, &[AUDITS_S3]);
    let queue_keys: Vec<_> = types.iter().map(|kind| kind.queue_key).collect();
    let objects = object_fed(map, place, &queue_keys);
    let drop_event_names = map.read_or("drop_event_names", Vec::new(), |field| {
        field.list(Field::text)
    });
    let use_region_and_account_id_from_event = use_region_and_account_id_from_event(map);
    map.accept(vendor::AUDITS_S3);
    let modules = objects?.into_iter().map(|objects| {
        ServiceKind::AuditsS3(AuditsS3 {
            objects,
            drop_event_names: drop_event_names.clone(),
            use_region_and_account_id_from_event,
        })
    });
    Some(modules.collect())
}
