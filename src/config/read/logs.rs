//! `non-cloudwatch-logs`: VPC flow logs and CloudFront's logs, by their files in S3.

use super::super::decode::Mapping;
use super::super::model::{LogFiles, RecordFormat, ServiceKind};
use super::feed::{object_fed, use_region_and_account_id_from_event};
use super::queue::Place;
use super::types::{self, FileType};

#[derive(Clone, Copy, PartialEq)]
enum Logs {
    Flow,
    CloudFront,
}

const TYPES: [FileType<Logs>; 2] = [
    FileType {
        name: "flowlogs",
        queue_key: "vpcflowlogs_sqs_queue_name",
        files: Logs::Flow,
    },
    FileType {
        name: "cloudfrontlogs",
        queue_key: "cloudfrontlogs_sqs_queue_name",
        files: Logs::CloudFront,
    },
];

pub(super) fn read(map: &mut Mapping<'_>, place: &mut Place<'_>) -> Option<Vec<ServiceKind>> {
    let types = types::read(map, &TYPES);
    let queue_keys: Vec<_> = types.iter().map(|kind| kind.queue_key).collect();
    let objects = object_fed(map, place, &queue_keys);
    let format = map.read_or("format", RecordFormat::Json, |field| {
        field.choice(&[("json", RecordFormat::Json), ("line", RecordFormat::Line)])
    });
    let use_region_and_account_id_from_event = use_region_and_account_id_from_event(map);
    let modules = types.into_iter().zip(objects?).map(|(kind, objects)| {
        let files = LogFiles {
            objects,
            format,
            use_region_and_account_id_from_event,
        };
        match kind.files {
            Logs::Flow => ServiceKind::FlowLogs(files),
            Logs::CloudFront => ServiceKind::CloudFrontLogs(files),
        }
    });
    Some(modules.collect())
}
