#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn suffix(environment: Option<&str>) -> TagSuffix {
    TagSuffix {
        format_version: "1".to_owned(),
        environment: environment.map(str::to_owned),
    }
}

fn fields<'a>(event_type: &'a str, account: &'a str, region: &'a str) -> TagFields<'a> {
    TagFields {
        event_type: EventType::fixed(event_type),
        account,
        region,
    }
}

fn cloud_trail(environment: Option<&str>) -> TagTemplate {
    TagTemplate::new(
        "cloud.aws.cloudtrail.{event_type}",
        Some(&suffix(environment)),
    )
    .unwrap()
}

#[test]
fn the_documented_examples() {
    let tag = cloud_trail(Some("prod-1")).render(fields("ec2", "123456789012", "us-east-2"));
    assert_eq!(
        tag.as_str(),
        "cloud.aws.cloudtrail.ec2.123456789012.us-east-2.1.prod-1"
    );

    let metrics = TagTemplate::new("cloud.aws.cloudwatch.metrics", Some(&suffix(None))).unwrap();
    assert_eq!(
        metrics
            .render(fields("ec2", "936082584952", "us-east-2"))
            .as_str(),
        "cloud.aws.cloudwatch.metrics.936082584952.us-east-2.1"
    );
}

#[test]
fn without_a_suffix_the_tag_is_the_table() {
    let umbrella = TagTemplate::new("sig.cisco.umbrella.dns", None).unwrap();
    assert_eq!(
        umbrella.render(fields("", "1", "r")).as_str(),
        "sig.cisco.umbrella.dns"
    );
}

#[test]
fn what_cannot_be_filled_is_unknown() {
    let tag = cloud_trail(Some("")).render(fields("", "", ""));
    assert_eq!(
        tag.as_str(),
        "cloud.aws.cloudtrail.unknown.unknown.unknown.1.unknown"
    );
}

#[test]
fn a_dot_or_line_feed_inside_a_component_cannot_shift_the_table() {
    let tag = cloud_trail(Some("a.b c")).render(fields("e\nc.2", "1.2", "eu: x"));
    assert_eq!(tag.as_str(), "cloud.aws.cloudtrail.e_c_2.1_2.eu__x.1.a_b_c");
}

#[test]
fn a_configured_table_may_place_the_event_type_anywhere() {
    let template = TagTemplate::new("my.app.{event_type}-raw.v 2", None).unwrap();
    assert_eq!(
        template.render(fields("acm-pca", "1", "r")).as_str(),
        "my.app.acm_pca-raw.v_2"
    );
}

#[test]
fn wrong_tables_are_refused() {
    for table in ["", "a..b", ".a", "a."] {
        assert!(matches!(
            TagTemplate::new(table, None),
            Err(TagTemplateError::EmptyComponent { .. })
        ));
    }
    for table in [
        "a.{account}",
        "a.{event_type",
        "a.event_type}",
        "a.{{event_type}}",
    ] {
        assert!(matches!(
            TagTemplate::new(table, None),
            Err(TagTemplateError::UnknownPlaceholder { .. })
        ));
    }
    assert!(matches!(
        TagTemplate::new(&"x".repeat(1000), Some(&suffix(None))),
        Err(TagTemplateError::TooLong { longest: 1260, .. })
    ));
}

#[test]
fn a_tag_in_the_cache_is_the_same_allocation() {
    let mut cache = TagCache::new(Arc::new(cloud_trail(None)));
    let first = cache.tag(fields("ec2", "1", "r")).clone();
    let second = cache.tag(fields("ec2", "1", "r")).clone();
    assert!(Arc::ptr_eq(&first.0, &second.0));
}

#[test]
fn a_million_event_types_do_not_grow_the_cache() {
    let mut cache = TagCache::new(Arc::new(cloud_trail(None)));
    for i in 0..50_000 {
        let name = format!("{i}-{}", "x".repeat(500));
        assert!(cache.tag(fields(&name, "1", "r")).as_str().len() < MAX_TAG_CHARS);
    }
    assert_eq!(cache.slots.len(), TagCache::SLOTS);
    let longest = cache
        .slots
        .iter()
        .flatten()
        .map(|s| s.event_type.len())
        .max();
    assert_eq!(longest, Some(MAX_FIELD_BYTES));
}

proptest! {
    #[test]
    fn every_component_is_legal(
        event_type in ".{0,200}", account in ".{0,200}", region in ".{0,200}", environment in proptest::option::of(".{0,40}"),
    ) {
        let template = cloud_trail(environment.as_deref());
        let tag = template.render(fields(&event_type, &account, &region));
        prop_assert!(tag.as_str().len() <= MAX_TAG_CHARS);
        let components: Vec<&str> = tag.as_str().split('.').collect();
        prop_assert_eq!(components.len(), 7 + usize::from(environment.is_some()));
        for component in components {
            prop_assert!(!component.is_empty());
            prop_assert!(component.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        }
    }

    #[test]
    fn the_cache_renders_as_the_template_does(names in proptest::collection::vec(".{0,3}", 1..200)) {
        let template = Arc::new(cloud_trail(None));
        let mut cache = TagCache::new(Arc::clone(&template));
        for name in &names {
            let fields = fields(name, name, "r");
            prop_assert_eq!(cache.tag(fields), &template.render(fields));
        }
    }
}
