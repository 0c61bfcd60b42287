//! Which services there are. A new one is a file beside this and one more arm in `modules`.

use std::sync::Arc;

use super::audits_s3::{self, CloudTrailFiles};
use super::cloudfront::{self, CloudFrontFiles};
use super::flowlogs::{self, FlowLogFiles};
use super::object::Format;
use super::object::lines::TextOrParquet;
use super::parquet_logs::{ParquetFiles, RowMeaning};
use super::security_hub::{self, SecurityHub};
use super::service_events::{self, EventTags, ServiceEvents};
use super::sqs::inline::MessageFormat;
use super::umbrella::{self, UmbrellaFiles};
use super::wiring::Wiring;
use crate::config::model::{Input, LogFiles, QueueFed, Service, ServiceKind};
use crate::event::TagCache;
use crate::session::Caller;
use crate::supervision::ChildSpec;

pub use super::wiring::{RegistryError, Surroundings};

/// The supervisors of one service in one region, one a module and queue.
///
/// # Errors
/// The service cannot be set up as configured.
pub fn children(
    input: &Input,
    service: &Service,
    region: &str,
    caller: &Caller,
    surroundings: &Surroundings,
) -> Result<Vec<ChildSpec>, RegistryError> {
    let wiring = Wiring {
        input,
        service,
        region,
        caller,
        surroundings,
    };
    let mut children = Vec::new();
    for module in &service.modules {
        children.extend(modules(&wiring, module)?);
    }
    Ok(children)
}

fn modules(wiring: &Wiring<'_>, module: &ServiceKind) -> Result<Vec<ChildSpec>, RegistryError> {
    match module {
        ServiceKind::ServiceEvents(events) => {
            let table = wiring.by_type(service_events::TABLE, service_events::TABLE_BY_TYPE);
            let tags = event_tags(wiring, events, table)?;
            let format: Arc<dyn MessageFormat> = Arc::new(ServiceEvents { tags });
            wiring.messages(service_events::MODULE, events, &format)
        }
        ServiceKind::SecurityHub(findings) => {
            let tags = event_tags(wiring, findings, security_hub::TABLE)?;
            let format: Arc<dyn MessageFormat> = Arc::new(SecurityHub { tags });
            wiring.messages(service_events::MODULE, findings, &format)
        }
        ServiceKind::AuditsS3(audits) => {
            let table = wiring.by_type(audits_s3::TABLE, audits_s3::TABLE_BY_TYPE);
            let format = CloudTrailFiles {
                tags: wiring.tags(table)?,
                region: wiring.region.to_owned(),
                by_event: audits.use_region_and_account_id_from_event,
                drop_event_names: Arc::new(audits.drop_event_names.iter().cloned().collect()),
                max_event_bytes: bytes(audits.objects.max_event_bytes),
            };
            let format: Arc<dyn Format> = Arc::new(format);
            wiring.objects(audits_s3::MODULE, &audits.objects, &format)
        }
        ServiceKind::FlowLogs(logs) => {
            let table = wiring.by_type(flowlogs::TABLE, flowlogs::TABLE_BY_TYPE);
            let parquet = parquet(wiring, logs, table, &flowlogs::ROWS)?;
            let text = FlowLogFiles {
                tags: Arc::clone(&parquet.tags),
                region: wiring.region.to_owned(),
                by_event: logs.use_region_and_account_id_from_event,
                format: logs.format,
                max_event_bytes: bytes(logs.objects.max_event_bytes),
            };
            let format = TextOrParquet {
                text: Arc::new(text),
                parquet: Arc::new(parquet),
            };
            let format: Arc<dyn Format> = Arc::new(format);
            wiring.objects(flowlogs::MODULE, &logs.objects, &format)
        }
        ServiceKind::CloudFrontLogs(logs) => {
            let table = wiring.by_type(cloudfront::TABLE, cloudfront::TABLE_BY_TYPE);
            let parquet = parquet(wiring, logs, table, &cloudfront::ROWS)?;
            let text = CloudFrontFiles {
                tags: Arc::clone(&parquet.tags),
                region: wiring.region.to_owned(),
                by_event: logs.use_region_and_account_id_from_event,
                format: logs.format,
                max_event_bytes: bytes(logs.objects.max_event_bytes),
            };
            let format = TextOrParquet {
                text: Arc::new(text),
                parquet: Arc::new(parquet),
            };
            let format: Arc<dyn Format> = Arc::new(format);
            wiring.objects(cloudfront::MODULE, &logs.objects, &format)
        }
        ServiceKind::Umbrella(objects) => {
            let limit = bytes(objects.max_event_bytes);
            let format = UmbrellaFiles::new(wiring.service.tag.as_deref(), limit)
                .map_err(|error| wiring.tag_error(error))?;
            let format: Arc<dyn Format> = Arc::new(format);
            wiring.objects(umbrella::MODULE, objects, &format)
        }
    }
}

fn event_tags(
    wiring: &Wiring<'_>,
    queue: &QueueFed,
    table: &str,
) -> Result<EventTags, RegistryError> {
    let cache = TagCache::new(wiring.tags(table)?);
    let by_event = queue.use_region_and_account_id_from_event;
    Ok(EventTags::new(cache, wiring.region, by_event))
}

fn parquet(
    wiring: &Wiring<'_>,
    logs: &LogFiles,
    table: &str,
    meaning: &'static RowMeaning,
) -> Result<ParquetFiles, RegistryError> {
    Ok(ParquetFiles {
        meaning,
        tags: wiring.tags(table)?,
        region: wiring.region.to_owned(),
        by_event: logs.use_region_and_account_id_from_event,
        format: logs.format,
    })
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
