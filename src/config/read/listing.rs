//! The keys of `mode: list`: which bucket, and which of its objects.

use std::time::Duration;

use super::super::decode::{Field, Mapping};
use super::super::model::Listing;

/// The keys that only a listing has.
pub(super) const KEYS: [&str; 3] = ["bucket", "prefix", "look_back"];

const DAY: Duration = Duration::from_secs(86_400);

/// No service of AWS is known to write a file two weeks late.
const MAX_LOOK_BACK: Duration = Duration::from_secs(14 * 86_400);

/// The longest key that S3 takes, in bytes (user guide, "Naming Amazon S3 objects").
const MAX_KEY: usize = 1_024;

/// Reads them; `mode` is the key that asks for them.
pub(super) fn read(map: &mut Mapping<'_>, mode: &Field<'_>, regions: &[String]) -> Option<Listing> {
    if regions.len() > 1 {
        mode.fail::<()>(
            "a bucket is in one region, but `regions` has more: each would read all of it",
            "let `regions` have the bucket's region only",
        );
    }
    let bucket = map.require("bucket", "give the name of the bucket to list", bucket);
    let prefix = map.read_or("prefix", String::new(), prefix);
    let start = map.read("start_time", Field::time);
    let look_back = map.read_or("look_back", DAY, |field| {
        field.duration(Duration::ZERO..=MAX_LOOK_BACK)
    });
    Some(Listing {
        bucket: bucket?,
        prefix,
        start,
        look_back,
    })
}

fn bucket(field: &Field<'_>) -> Option<String> {
    let bucket = field.text()?;
    match is_bucket(&bucket) {
        true => Some(bucket),
        false => field.fail(
            format!("{} is not a bucket's name", field.quoted()),
            "write its name alone, such as `my-trail`; what its keys begin with is `prefix`",
        ),
    }
}

fn prefix(field: &Field<'_>) -> Option<String> {
    let prefix = field.text()?;
    match prefix.len() <= MAX_KEY {
        true => Some(prefix),
        false => field.fail(
            format!("no key has more than {MAX_KEY} bytes"),
            "write what the keys begin with",
        ),
    }
}

/// A bucket's name by S3's present rules, or by those for buckets from before March 2018 in us-east-1; an access point's
/// alias looks like one. Or an access point's ARN (user guide, "General purpose bucket naming rules").
fn is_bucket(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(arn) => {
            let parts: Vec<&str> = arn.split(':').collect();
            match parts.as_slice() {
                [_partition, "s3", _region, _account, point] => {
                    point.strip_prefix("accesspoint/").unwrap_or_default()
                }
                _ => "",
            }
        }
        None => text,
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_by_its_name_or_an_access_point() {
        for right in [
            "cisco-managed-us-west-1",
            "logs.example.com",
            "Old_Bucket",
            "trail-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias",
            "arn:aws:s3:us-west-2:123456789012:accesspoint/trail",
        ] {
            assert!(is_bucket(right), "{right}");
        }
        for wrong in [
            "",
            "ab",
            "s3://trail",
            "trail/AWSLogs",
            "arn:aws:s3:::trail",
            "arn:aws:sqs:us-west-2:123456789012:trail",
        ] {
            assert!(!is_bucket(wrong), "{wrong}");
        }
    }
}
