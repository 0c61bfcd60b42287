//! Whole files: a real one, and those of the `parquet` crate's own writer, whole, cut and corrupted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::*;

/// Three flow logs of version 2, written by pyarrow with gzip; two are `NODATA` records, with `None` for some values.
const REAL: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/parquet/obsrvbl__flows.parquet"
));

/// Some columns of flow logs, with the names and types that AWS gives them.
const FLOW_LOGS: &str = "message flow_logs {
    optional int32 version; optional binary account_id (UTF8); optional binary srcaddr (UTF8);
    optional int32 srcport; required int64 start; optional binary log_status (UTF8);
}";

fn open(bytes: &[u8]) -> Result<Rows, ParquetFault> {
    let mut spool = ParquetRows::spool()?;
    for piece in bytes.chunks(1000) {
        spool.write(piece)?;
    }
    spool.open()
}

/// All rows up to the end or a fault; `most` is no fewer than there can be.
fn read(bytes: &[u8], most: usize) -> Result<Vec<String>, ParquetFault> {
    let mut rows = open(bytes)?;
    let mut read = Vec::new();
    loop {
        let mut row = String::new();
        if !rows.next_row(&mut row)? {
            return Ok(read);
        }
        read.push(row);
        assert!(read.len() <= most, "rows without end");
    }
}

/// Writes one column; the values of the rows that have one.
fn column<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[Option<T::T>]) {
    let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
    let values: Vec<T::T> = values.iter().flatten().cloned().collect();
    let mut column = group.next_column().unwrap().unwrap();
    let written = column
        .typed::<T>()
        .write_batch(&values, Some(&levels), None);
    written.unwrap();
    column.close().unwrap();
}

fn flow_logs(properties: WriterProperties, groups: &[usize]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(FLOW_LOGS).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut first = 0;
    for rows in groups {
        let rows = first..first + rows;
        first = rows.end;
        let text = |text: String| Some(ByteArray::from(text.into_bytes()));
        let has_data = |row: &usize| row % 3 != 1;
        let mut group = file.next_row_group().unwrap();
        column::<Int32Type>(
            &mut group,
            &rows.clone().map(|_| Some(5)).collect::<Vec<_>>(),
        );
        let accounts = rows.clone().map(|_| text("123456789010".to_owned()));
        column::<ByteArrayType>(&mut group, &accounts.collect::<Vec<_>>());
        let addresses = rows.clone().map(|row| {
            let address = format!("10.0.{}.{}", row / 256 % 256, row % 256);
            text(address).filter(|_| has_data(&row))
        });
        column::<ByteArrayType>(&mut group, &addresses.collect::<Vec<_>>());
        let ports = rows.clone().map(|row| {
            let port = i32::try_from(row % 65_536).unwrap();
            Some(port).filter(|_| has_data(&row))
        });
        column::<Int32Type>(&mut group, &ports.collect::<Vec<_>>());
        let times = rows.clone().map(|row| Some(1_418_530_010 + row as i64));
        column::<Int64Type>(&mut group, &times.collect::<Vec<_>>());
        let statuses =
            rows.map(|row| text(if has_data(&row) { "OK" } else { "NODATA" }.to_owned()));
        column::<ByteArrayType>(&mut group, &statuses.collect::<Vec<_>>());
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

fn flow_log(row: usize) -> String {
    let (address, port, status) = if row % 3 == 1 {
        ("null".to_owned(), "null".to_owned(), "NODATA")
    } else {
        let address = format!("\"10.0.{}.{}\"", row / 256 % 256, row % 256);
        (address, format!("\"{}\"", row % 65_536), "OK")
    };
    format!(
        r#"{{"version":"5","account_id":"123456789010","srcaddr":{address},"srcport":{port},"start":"{}","log_status":"{status}"}}"#,
        1_418_530_010 + row
    )
}

fn with(compression: Compression) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(compression)
        .set_data_page_row_count_limit(100)
        .build()
}

#[test]
fn a_real_file_is_read_row_by_row() {
    let rows = read(REAL, 3).unwrap();
    let expected = [
        r#"{"version":"2","account_id":"123456789010","interface_id":"eni-102010ab","srcaddr":"198.51.100.1","dstaddr":"192.0.2.1","srcport":"443","dstport":"49152","protocol":"6","packets":"10","bytes":"840","start":"1439387263","end":"1439387264","action":"ACCEPT","log_status":"OK"}"#,
        r#"{"version":"2","account_id":"123456789010","interface_id":"eni-202010ab","srcaddr":null,"dstaddr":null,"srcport":"None","dstport":"None","protocol":"None","packets":"None","bytes":"None","start":"1439387263","end":"1439387264","action":null,"log_status":"NODATA"}"#,
        r#"{"version":"2","account_id":"123456789010","interface_id":"eni-202010ab","srcaddr":"198.51.100.7","dstaddr":"192.0.2.156","srcport":"80","dstport":"100","protocol":"8080","packets":"None","bytes":"None","start":"1439387263","end":"1439387264","action":null,"log_status":"NODATA"}"#,
    ];
    assert_eq!(rows, expected);
}

#[test]
fn rows_can_be_part_of_an_extractor() {
    fn shared<T: Send + Sync>() {}
    shared::<ParquetObject>();
}

#[test]
fn columns_are_found_by_name() {
    let mut rows = open(REAL).unwrap();
    assert_eq!(rows.value("start"), None);
    assert!(rows.next_row(&mut String::new()).unwrap());
    assert_eq!(rows.value("account_id").as_deref(), Some("123456789010"));
    assert_eq!(rows.value("accountid"), None);
    let names: Vec<_> = rows.values().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names.len(), 14);
    assert_eq!(names[1], "account_id");
}

#[test]
fn every_codec_version_and_encoding_gives_the_same_rows() {
    let expected: Vec<_> = (0..2500).map(flow_log).collect();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for codec in codecs {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [true, false] {
                let properties = with(codec)
                    .into_builder()
                    .set_writer_version(version)
                    .set_dictionary_enabled(dictionary);
                let file = flow_logs(properties.build(), &[1200, 1, 1299]);
                let rows = read(&file, 2500).unwrap();
                assert!(rows == expected, "{codec:?} {version:?} {dictionary}");
            }
        }
    }
}

#[test]
fn lengths_encoded_as_deltas_are_read() {
    for encoding in [
        parquet::basic::Encoding::DELTA_LENGTH_BYTE_ARRAY,
        parquet::basic::Encoding::DELTA_BYTE_ARRAY,
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = with(Compression::SNAPPY)
                .into_builder()
                .set_writer_version(version)
                .set_dictionary_enabled(false)
                .set_column_encoding("srcaddr".into(), encoding);
            let rows = read(&flow_logs(properties.build(), &[700]), 700).unwrap();
            assert!(rows == (0..700).map(flow_log).collect::<Vec<_>>());
        }
    }
}

#[test]
fn an_object_without_rows_has_none() {
    assert_eq!(
        read(&flow_logs(with(Compression::SNAPPY), &[]), 0)
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        read(&flow_logs(with(Compression::SNAPPY), &[0, 0]), 0)
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn groups_and_lists_are_json() {
    let schema = "message nested {
        optional group tags { optional binary name (UTF8); optional int32 size; }
        optional group ports (LIST) { repeated group list { optional int32 element; } }
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut names = group.next_column().unwrap().unwrap();
    let name = [ByteArray::from("a \"b\"")];
    names
        .typed::<ByteArrayType>()
        .write_batch(&name, Some(&[2, 0]), None)
        .unwrap();
    names.close().unwrap();
    let mut sizes = group.next_column().unwrap().unwrap();
    sizes
        .typed::<Int32Type>()
        .write_batch(&[], Some(&[1, 0]), None)
        .unwrap();
    sizes.close().unwrap();
    let mut ports = group.next_column().unwrap().unwrap();
    let levels = (&[3, 2, 3, 0][..], &[0, 1, 1, 0][..]);
    ports
        .typed::<Int32Type>()
        .write_batch(&[80, 443], Some(levels.0), Some(levels.1))
        .unwrap();
    ports.close().unwrap();
    group.close().unwrap();
    let mut rows = open(&file.into_inner().unwrap()).unwrap();
    let mut row = String::new();
    assert!(rows.next_row(&mut row).unwrap());
    assert_eq!(
        row,
        r#"{"tags":{"name":"a \"b\"","size":null},"ports":["80",null,"443"]}"#
    );
    assert_eq!(rows.value("ports").as_deref(), Some(r#"["80",null,"443"]"#));
    row.clear();
    assert!(rows.next_row(&mut row).unwrap());
    assert_eq!(row, r#"{"tags":null,"ports":null}"#);
    assert!(!rows.next_row(&mut row).unwrap());
}

#[test]
fn a_column_of_nulls_may_lack_its_dictionary() {
    let schema = Arc::new(parse_message_type("message m { optional binary n (UTF8); }").unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    column::<ByteArrayType>(&mut group, &[None, None]);
    group.close().unwrap();
    let mut file = file.into_inner().unwrap();
    // The first page, of type 2, is an empty dictionary. As an index, type 1, it is passed over.
    assert_eq!(file[4..6], [0x15, 2 << 1]);
    file[5] = 1 << 1;
    assert_eq!(read(&file, 2).unwrap(), [r#"{"n":null}"#; 2]);
}

#[test]
fn what_is_not_parquet_is_refused() {
    for bytes in [
        &b""[..],
        b"PAR1",
        b"PAR1PAR1",
        b"version account-id\n2 1234\n",
    ] {
        assert!(
            matches!(open(bytes), Err(ParquetFault::NotParquet)),
            "{bytes:?}"
        );
    }
    let encrypted = b"PARE\0\0\0\0\0\0\0\0PARE";
    assert!(matches!(open(encrypted), Err(ParquetFault::Encrypted)));
    let empty_footer = b"PAR1\0\0\0\0PAR1";
    assert!(matches!(open(empty_footer), Err(ParquetFault::Footer(_))));
    let long_footer = b"PAR1\xff\xff\xff\xffPAR1";
    assert!(matches!(open(long_footer), Err(ParquetFault::Footer(_))));
}

#[test]
fn an_object_cut_anywhere_is_refused() {
    for len in 12..REAL.len() {
        assert!(
            matches!(open(&REAL[..len]), Err(ParquetFault::Truncated)),
            "{len}"
        );
    }
}

#[test]
fn an_object_above_the_limit_is_refused_before_it_is_spooled() {
    let mut spool = ParquetRows::spool_at_most(10).unwrap();
    spool.write(b"PAR1567890").unwrap();
    let fault = spool.write(b"1").unwrap_err();
    assert!(matches!(fault, ParquetFault::TooLarge { limit_bytes: 10 }));
    assert!(!fault.is_transient());
}

#[test]
fn a_codec_that_we_do_not_have_is_named_before_any_row() {
    let mut file = flow_logs(with(Compression::SNAPPY), &[3]);
    // In the column's metadata: the path, then the codec as field 4, Snappy, then the number of values as field 5.
    let codec = b"\x18\x07srcaddr\x15\x02\x16";
    let at = file
        .windows(codec.len())
        .position(|bytes| bytes == codec)
        .unwrap();
    file[at + codec.len() - 2] = 0x0a;
    let fault = open(&file).unwrap_err();
    assert!(matches!(&fault, ParquetFault::Codec { column, .. } if column == "srcaddr"));
    assert!(fault.to_string().contains("LZ4"), "{fault}");
}

#[test]
fn rows_before_a_corrupt_page_come_out_and_the_fault_says_where() {
    let properties = with(Compression::UNCOMPRESSED)
        .into_builder()
        .set_dictionary_enabled(false);
    let mut file = flow_logs(properties.build(), &[2000, 2000]);
    // The length of a string in the second row group, made longer than its page.
    let text = b"\x08\x00\x00\x0010.0.8.0";
    let at = file
        .windows(text.len())
        .position(|bytes| bytes == text)
        .unwrap();
    file[at + 2] = 0x7f;
    let mut rows = open(&file).unwrap();
    let mut row = String::from("before");
    let mut read = 0;
    let fault = loop {
        match rows.next_row(&mut row) {
            Ok(more) => assert!(more),
            Err(fault) => break fault,
        }
        assert_eq!(row["before".len()..], flow_log(read));
        row.truncate("before".len());
        read += 1;
    };
    assert_eq!((row.as_str(), read), ("before", 2000));
    let ParquetFault::Row {
        row: index,
        row_group,
        ..
    } = fault
    else {
        panic!("{fault}");
    };
    assert_eq!((index, row_group), (2000, 1));
    assert!(
        !rows.next_row(&mut row).unwrap(),
        "nothing comes after a fault"
    );
}

fn corrupted() -> impl Strategy<Value = Vec<u8>> {
    let files = prop_oneof![
        Just(REAL.to_vec()),
        Just(flow_logs(with(Compression::SNAPPY), &[300, 50])),
        Just(flow_logs(
            with(Compression::UNCOMPRESSED)
                .into_builder()
                .set_writer_version(WriterVersion::PARQUET_2_0)
                .set_dictionary_enabled(false)
                .build(),
            &[300],
        )),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    (files, changes).prop_map(|(mut file, changes)| {
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn corrupt_bytes_are_read_or_refused(file in corrupted()) {
        // Whatever is changed, the rows that the footer and the columns agree on are few.
        if let Ok(rows) = read(&file, 100_000) {
            for row in rows {
                serde_json::from_str::<serde_json::Value>(&row).unwrap();
            }
        }
    }
}
