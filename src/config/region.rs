//! Names of AWS regions.

use super::nearest::nearest;

/// What names begin with, from `regionRegex` of each partition in the AWS SDKs' `partitions.json`.
const AREAS: [&str; 16] = [
    "af", "ap", "ca", "cn", "eu", "eu-isoe", "eusc-de", "il", "me", "mx", "sa", "us", "us-gov",
    "us-iso", "us-isob", "us-isof",
];

/// The middle part; every region so far has one of these.
const DIRECTIONS: [&str; 9] = [
    "north",
    "south",
    "east",
    "west",
    "central",
    "northeast",
    "northwest",
    "southeast",
    "southwest",
];

/// Whether `name` is built like a region's name. A region that opens after this was written is one, too.
pub(super) fn is_region(name: &str) -> bool {
    let parts = name
        .rsplit_once('-')
        .and_then(|(place, number)| Some((place.rsplit_once('-')?, number)));
    let Some(((area, direction), number)) = parts else {
        return false;
    };
    AREAS.contains(&area)
        && DIRECTIONS.contains(&direction)
        && matches!(
            number.as_bytes(),
            [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']
        )
}

/// The name that was probably meant.
pub(super) fn nearest_region(name: &str) -> Option<String> {
    let number = name
        .chars()
        .next_back()
        .filter(|last| ('1'..='9').contains(last))
        .unwrap_or('1');
    let regions: Vec<String> = AREAS
        .iter()
        .flat_map(|area| {
            DIRECTIONS
                .iter()
                .map(move |direction| format!("{area}-{direction}-{number}"))
        })
        .collect();
    nearest(name, regions.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_all_partitions_are_known() {
        for name in [
            "us-east-1",
            "ap-southeast-7",
            "cn-northwest-1",
            "us-gov-east-1",
            "us-isob-east-1",
            "eusc-de-east-1",
        ] {
            assert!(is_region(name), "{name}");
        }
        for name in [
            "",
            "us-east",
            "useast1",
            "us-eest-1",
            "moon-east-1",
            "us-east-0",
            "us-east-1a",
            "US-EAST-1",
            "us--1",
        ] {
            assert!(!is_region(name), "{name}");
        }
    }

    #[test]
    fn a_slip_finds_its_region() {
        assert_eq!(nearest_region("us-eest-2").as_deref(), Some("us-east-2"));
        assert_eq!(nearest_region("useast1").as_deref(), Some("us-east-1"));
        assert_eq!(nearest_region("atlantis"), None);
    }
}
