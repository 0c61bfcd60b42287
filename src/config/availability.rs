//! What the format has but this version does not do yet. Building one of these means removing its line here and reading the
//! key where its section is read.

use super::report::Severity::{self, Error, Warning};

/// A part of the format that is refused, or accepted with a warning where ignoring it is harmless.
#[derive(Debug)]
pub(super) struct NotYet {
    /// The key's path with `*` for a name of the user's and `|` between alternatives; `=` and values where only these are.
    path: &'static str,
    pub(super) severity: Severity,
    /// What it is.
    pub(super) what: &'static str,
    /// What to do until then.
    pub(super) until: &'static str,
}

const fn refused(path: &'static str, what: &'static str, until: &'static str) -> NotYet {
    NotYet {
        path,
        severity: Error,
        what,
        until,
    }
}

const NOT_YET: &[NotYet] = &[
    NotYet {
        severity: Warning,
        ..refused(
            "globals.admin.listen",
            "the admin endpoint",
            "nothing listens; the log has the statistics",
        )
    },
    refused(
        "outputs.*.config.compression=auto|always",
        "compression",
        "write `never`, or leave the key out",
    ),
    refused(
        "outputs.*.config.delivery.confirm=close",
        "confirmation by the receiver's close",
        "write `tcp`, or leave the key out",
    ),
    refused(
        "outputs.*.config.delivery.epoch",
        "confirmation by the receiver's close, which epochs are for",
        "remove the key",
    ),
    refused(
        "inputs.*.obfuscation_data",
        "masking",
        "do not collect this input until it is: nothing would be masked",
    ),
    refused(
        "inputs.*.credentials.base_assume_role|target_assume_role|assume_role_external_id",
        "assuming roles",
        "use static keys, a profile or the default chain, whose profile may assume a role",
    ),
    refused(
        "inputs.*.services.aws-guardduty",
        "collecting GuardDuty findings",
        DISABLE,
    ),
    refused(
        "inputs.*.services.metrics-all|apigateway|applicationelb|autoscaling|billing|cloudfront|dynamodb|ebs|ec2|ecs|efs|eks|elasticache|elb|es|events|firehose|kinesis|lambda|logs|natgateway|networkelb|rds|redshift|route53|s3|sns|sqs|states|waf",
        "collecting CloudWatch metrics",
        DISABLE,
    ),
    refused(
        "inputs.*.services.*.types=logs",
        "collecting CloudWatch Logs",
        DISABLE,
    ),
    refused(
        "inputs.*.services.audit-events-all.types=audits_api",
        "reading CloudTrail by its API",
        "write `types: [audits_s3]`",
    ),
];

const DISABLE: &str = "set `enabled: false`, or remove the service";

/// The line for the key at `keys`, or for `value` there.
pub(super) fn not_yet(keys: &[String], value: Option<&str>) -> Option<&'static NotYet> {
    NOT_YET.iter().find(|line| matches(line.path, keys, value))
}

/// Names of services that come one day, for "did you mean".
pub(super) fn services_to_come() -> impl Iterator<Item = &'static str> {
    NOT_YET
        .iter()
        .filter_map(|line| line.path.strip_prefix("inputs.*.services."))
        .filter(|names| !names.contains('.'))
        .flat_map(|names| names.split('|'))
}

fn matches(pattern: &str, keys: &[String], value: Option<&str>) -> bool {
    let (path, values) = match pattern.split_once('=') {
        Some((path, values)) => (path, Some(values)),
        None => (pattern, None),
    };
    let one_of =
        |alternatives: &str, word: &str| alternatives.split('|').any(|other| other == word);
    let segments = path.split('.');
    segments.clone().count() == keys.len()
        && segments
            .zip(keys)
            .all(|(segment, key)| segment == "*" || one_of(segment, key))
        && match (values, value) {
            (None, None) => true,
            (Some(values), Some(value)) => one_of(values, value),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(path: &str, value: Option<&str>) -> Option<&'static str> {
        let keys: Vec<String> = path.split('/').map(str::to_owned).collect();
        not_yet(&keys, value).map(|line| line.what)
    }

    #[test]
    fn keys_and_values_are_told_apart() {
        assert_eq!(
            what("outputs/a.b/config/compression", Some("auto")),
            Some("compression")
        );
        assert_eq!(what("outputs/a.b/config/compression", Some("never")), None);
        assert_eq!(what("outputs/a.b/config/compression", None), None);
        assert_eq!(what("inputs/aws/obfuscation_data", None), Some("masking"));
        assert_eq!(
            what("inputs/aws/services/rds", None),
            Some("collecting CloudWatch metrics")
        );
        assert_eq!(what("inputs/aws/services/audit-events-all", None), None);
    }
}
