#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::object::lines::driver::{self, Outcome};

/// In the layout of Cisco's page "DNS log formats", with the spaces behind some commas that it prints.
const DNS: &str = r#""2015-01-16 17:48:41","ActiveDirectoryUserName", "ActiveDirectoryUserName,ADSite,Network", "10.10.1.100","24.123.132.133","Allowed","1 (A)", "NOERROR","domain-visited.com.", "Photo Sharing","AD User","AD User,Site,Network","""#;
/// "Web log formats", version 5, the user agent shortened; the page prints the odd quotes of the URL too.
const PROXY: &str = r#""2024-09-11 11:48:11","TheComputerName","192.192.192.135","1.1.1.91", "3.4.5.6","","ALLOWED",""<https://example.com"","www.google.com","Mozilla/5.0>> (KHTML, like Gecko)","200","562","1489","","#;
/// "IP log formats".
const IP: &str = r#""2017-10-02 19:58:12","TheComputerName","198.198.198.1","55605", "107.152.24.219","443","Unauthorized IP Tunnel Access","Roaming Computers""#;
/// "Cloud firewall log formats".
const FIREWALL: &str = r#""2019-01-14 18:03:46","[211039844]","Passive Monitor", "CDFW Tunnel Device","OUTBOUND","1","84","172.17.3.4","","146.112.255.129", "","ams1.edc","12","ALLOW","google.com,apple.com","44,66""#;
/// "Admin audit log formats"; what changed has many lines.
const AUDIT: &str = "\"\",\"2021-07-22 10:46:45\",\"admin@example.com\",\"\",\"logexportconfigurations\", \"update\",\"209.165.200.227\",\"version: 4\nname: \"\"a, b\"\"\n\",\"version: 5\"";

fn read(key: &str, object: &str) -> Outcome {
    let files = UmbrellaFiles::new(None, 2000).unwrap();
    driver::read(&files, key, object.as_bytes())
}

fn tag(key: &str) -> String {
    read(key, DNS).events[0].tag.clone()
}

fn at(text: &str) -> Option<EventTime> {
    Some(EventTime::parse(text).unwrap())
}

#[test]
fn every_kind_of_row_goes_as_it_is_with_its_own_time() {
    let rows = [DNS, PROXY, IP, FIREWALL, AUDIT];
    let outcome = read("dnslogs/x.csv.gz", &rows.join("\r\n"));
    assert_eq!(outcome.texts(), rows);
    assert!(outcome.events.iter().all(|event| !event.is_object));
    let times: Vec<_> = outcome.events.iter().map(|event| event.time).collect();
    assert_eq!(
        times,
        [
            at("2015-01-16T17:48:41Z"),
            at("2024-09-11T11:48:11Z"),
            at("2017-10-02T19:58:12Z"),
            at("2019-01-14T18:03:46Z"),
            at("2021-07-22T10:46:45Z")
        ]
    );
}

#[test]
fn the_table_is_that_of_a_folder_in_the_key() {
    for (key, table) in [
        (
            "dnslogs/2019-01-01/2019-01-01-00-00-e4e1.csv.gz",
            "sig.cisco.umbrella.dns",
        ),
        (
            "1234567_0a1b2c3d/iplogs/2019-01-01/x.csv.gz",
            "sig.cisco.umbrella.ip",
        ),
        (
            "prefix/of/ours/proxylogs/2019-01-01/x.csv.gz",
            "sig.cisco.umbrella.proxy",
        ),
        (
            "firewalllogs/2019-01-01/x.csv.gz",
            "sig.cisco.umbrella.unknown",
        ),
        (
            "auditlogs/2019-01-01/x.csv.gz",
            "sig.cisco.umbrella.unknown",
        ),
        ("mydnslogs/x.csv.gz", "sig.cisco.umbrella.unknown"),
        ("dnslogs", "sig.cisco.umbrella.unknown"),
    ] {
        assert_eq!(tag(key), table, "{key}");
    }
}

#[test]
fn a_configured_table_takes_all() {
    let files = UmbrellaFiles::new(Some("my.app.umbrella"), 2000).unwrap();
    for key in ["dnslogs/x", "auditlogs/x"] {
        let outcome = driver::read(&files, key, DNS.as_bytes());
        assert_eq!(outcome.events[0].tag, "my.app.umbrella");
    }
    assert!(UmbrellaFiles::new(Some("my..umbrella"), 2000).is_err());
}

#[test]
fn a_header_row_is_no_event_and_every_other_first_row_is_one() {
    for header in [
        r#""ID","Time","Email","User","Type","Action","Logged in from","Before","After""#,
        r#""Timestamp","Policy Identity","Identities""#,
        "timestamp,most granular identity,identities",
    ] {
        assert_eq!(
            read("dnslogs/x", &format!("{header}\n{DNS}\n")).texts(),
            [DNS]
        );
        // Only as the first row.
        assert_eq!(
            read("dnslogs/x", &format!("{DNS}\n{header}\n")).texts(),
            [DNS, header]
        );
    }
    for row in [
        AUDIT,
        DNS,
        "\"2015-01-16 17:48:41\",\"Time\"",
        "\"17\",\"x\"",
        "x",
        ",",
    ] {
        assert_eq!(read("auditlogs/x", row).texts(), [row]);
    }
}

#[test]
fn a_row_without_a_time_is_an_event_without_one() {
    for row in ["\"yesterday\",\"x\"", "x", "\"2015-13-16 17:48:41\""] {
        assert_eq!(read("dnslogs/x", row).events[0].time, None);
    }
}

#[test]
fn a_row_that_is_too_long_is_cut_marked_and_counted() {
    let outcome = read(
        "proxylogs/x",
        &format!("{DNS},{}\n{IP}\n", "x".repeat(3000)),
    );
    assert_eq!(
        (outcome.cut, outcome.events.len(), &outcome.end),
        (1, 2, &Ok(()))
    );
    assert!(outcome.texts()[0].starts_with(DNS));
    assert!(outcome.texts()[0].ends_with(" bytes left out]"));
    assert_eq!(outcome.texts()[1], IP);
}
