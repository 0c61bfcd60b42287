//! The event type: the part of a tag that names the AWS service an event is about.

/// An event type as found in an event, normalised only when it is written into a tag.
///
/// Borrowed from the event and free to make, so that a tag can be looked up by it without allocating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventType<'a>(&'a str);

impl<'a> EventType<'a> {
    /// For an event that does not say where it comes from.
    pub const UNKNOWN: Self = Self("unknown");
    /// For CloudTrail Insights events, whatever service they are about.
    pub const INSIGHTS: Self = Self("insights");

    /// A type known beforehand, such as `flow` for VPC flow logs.
    #[must_use]
    pub fn fixed(name: &'a str) -> Self {
        Self::or_unknown(name)
    }

    /// From an EventBridge `source`: `aws.ec2` is `ec2`; partner and custom sources are taken whole.
    #[must_use]
    pub fn of_event_bridge(source: Option<&'a str>) -> Self {
        let source = source.unwrap_or_default();
        Self::or_unknown(source.strip_prefix("aws.").unwrap_or(source))
    }

    /// From a CloudTrail `eventSource`, up to the first dot: `acm-pca.amazonaws.com` is `acm_pca` once written.
    ///
    /// `category` and `kind` are the record's `eventCategory` and `eventType`: `Insight` or `AwsCloudTrailInsight` makes
    /// it [`Self::INSIGHTS`] (older records have only the latter).
    #[must_use]
    pub fn of_cloud_trail(
        event_source: Option<&'a str>,
        category: Option<&str>,
        kind: Option<&str>,
    ) -> Self {
        if category == Some("Insight") || kind == Some("AwsCloudTrailInsight") {
            return Self::INSIGHTS;
        }
        let source = event_source.unwrap_or_default();
        let service = source
            .split_once('.')
            .map_or(source, |(service, _)| service);
        Self::or_unknown(service)
    }

    fn or_unknown(name: &'a str) -> Self {
        if name.is_empty() {
            Self::UNKNOWN
        } else {
            Self(name)
        }
    }

    /// The name as the event spells it, not normalised: `acm-pca`.
    #[must_use]
    pub fn as_found(self) -> &'a str {
        self.0
    }

    /// The characters as Devo's tables spell them: lower case, `-` as `_` (`acm_pca`, `waf_regional`).
    pub(super) fn normalised(self) -> impl Iterator<Item = char> + use<'a> {
        self.0.chars().map(|c| match c {
            '-' => '_',
            c => c.to_ascii_lowercase(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event_type: EventType<'_>) -> String {
        event_type.normalised().collect()
    }

    #[test]
    fn cloud_trail_source_is_cut_at_the_first_dot() {
        let of = |source| written(EventType::of_cloud_trail(source, None, None));
        assert_eq!(of(Some("acm-pca.amazonaws.com")), "acm_pca");
        assert_eq!(of(Some("waf-regional.amazonaws.com")), "waf_regional");
        assert_eq!(of(Some("EC2.amazonaws.com.cn")), "ec2");
        assert_eq!(of(Some("signin")), "signin");
    }

    #[test]
    fn missing_or_empty_source_is_unknown() {
        for source in [None, Some(""), Some(".amazonaws.com")] {
            assert_eq!(
                EventType::of_cloud_trail(source, None, None),
                EventType::UNKNOWN
            );
        }
        for source in [None, Some(""), Some("aws.")] {
            assert_eq!(EventType::of_event_bridge(source), EventType::UNKNOWN);
        }
    }

    #[test]
    fn insight_events_have_a_type_of_their_own() {
        let of = |category, kind| EventType::of_cloud_trail(Some("ssm.x"), category, kind);
        assert_eq!(of(Some("Insight"), None), EventType::INSIGHTS);
        assert_eq!(of(None, Some("AwsCloudTrailInsight")), EventType::INSIGHTS);
        assert_eq!(of(Some("Management"), Some("AwsApiCall")).as_found(), "ssm");
    }

    #[test]
    fn event_bridge_source_loses_only_the_aws_prefix() {
        let of = |source| written(EventType::of_event_bridge(Some(source)));
        assert_eq!(of("aws.ec2"), "ec2");
        assert_eq!(of("aws.network-firewall"), "network_firewall");
        assert_eq!(of("com.example.shop"), "com.example.shop");
    }
}
