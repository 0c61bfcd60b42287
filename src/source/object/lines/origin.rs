//! Which account and region a log file is from, as its key tells.

/// The folder under which AWS's log delivery writes, below the prefix that was configured.
const ROOT: &str = "AWSLogs";

/// What a key names; each empty if it does not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The account's id.
    pub account: String,
    /// The region's code.
    pub region: String,
}

impl Origin {
    /// From `AWSLogs/<account>/<service>/<region>/…` or, Hive-compatible,
    /// `AWSLogs/aws-account-id=<account>/aws-service=<service>/aws-region=<region>/…` (VPC user guide, "flow log files").
    #[must_use]
    pub fn of(key: &str, service: &str) -> Self {
        let (folders, _file) = key.rsplit_once('/').unwrap_or_default();
        let mut origin = Self::default();
        let mut before = ["", "", ""];
        for folder in folders.split('/') {
            if let Some(account) = folder.strip_prefix("aws-account-id=") {
                account.clone_into(&mut origin.account);
            } else if let Some(region) = folder.strip_prefix("aws-region=") {
                region.clone_into(&mut origin.region);
            } else if before[1] == ROOT && folder == service {
                before[2].clone_into(&mut origin.account);
            } else if before[0] == ROOT && before[2] == service {
                folder.clone_into(&mut origin.region);
            }
            before = [before[1], before[2], folder];
        }
        origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(key: &str) -> (String, String) {
        let Origin { account, region } = Origin::of(key, "vpcflowlogs");
        (account, region)
    }

    fn from(account: &str, region: &str) -> (String, String) {
        (account.to_owned(), region.to_owned())
    }

    #[test]
    fn both_layouts_are_read_below_any_prefix() {
        let expected = from("123456789012", "us-east-1");
        for key in [
            "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
            "my/logs/AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/16/x.log.gz",
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2021/month=03/day=05/hour=00/x.log.parquet",
        ] {
            assert_eq!(origin(key), expected, "{key}");
        }
    }

    #[test]
    fn what_the_key_does_not_name_is_empty() {
        for key in [
            "",
            "x.log.gz",
            "vpcflowlogs/us-east-1/x.log.gz",
            "AWSLogs/123456789012/elasticloadbalancing/us-east-1/x.log.gz",
        ] {
            assert_eq!(origin(key), from("", ""), "{key}");
        }
        assert_eq!(
            origin("AWSLogs/123456789012/vpcflowlogs/x.log.gz"),
            from("123456789012", "")
        );
    }
}
