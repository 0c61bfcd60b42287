//! Pages of columns put together by hand.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write as _;

use super::*;

/// An uncompressed column of these bytes.
fn pages(bytes: &[u8]) -> ColumnPages {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    ColumnPages {
        file: Arc::new(file),
        column: "bytes".to_owned(),
        codec: Codec::Uncompressed,
        is_listed: false,
        is_nullable: false,
        at: 0,
        end: bytes.len() as u64,
        ahead: None,
        open_bytes: Arc::default(),
        has_dictionary: false,
        dictionary_bytes: 0,
        page_bytes: 0,
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A number as a struct's next field.
fn number(value: u32) -> Vec<u8> {
    [vec![0x15], varint(u64::from(value) << 1)].concat()
}

/// A header of a data or dictionary page, plain, with a field between that we do not know.
fn header(is_dictionary: bool, len: u32, values: u32, unknown: usize) -> Vec<u8> {
    let kind = if is_dictionary { 2 } else { 0 };
    let mut header = [number(kind), number(len), number(len)].concat();
    header.push(if is_dictionary { 0x4c } else { 0x2c });
    header.extend([number(values), number(0), number(3), number(3), vec![0]].concat());
    header.extend([vec![0xf8], varint(unknown as u64), vec![0; unknown]].concat());
    header.push(0);
    header
}

fn fault(mut pages: ColumnPages) -> String {
    pages.get_next_page().unwrap_err().to_string()
}

#[test]
fn pages_come_in_order_however_long_their_headers_are() {
    for unknown in [0, 1, 250, 10_000] {
        let mut pages = pages(
            &[
                header(true, 8, 2, unknown),
                vec![1; 8],
                header(false, 4, 1, unknown),
                vec![2; 4],
            ]
            .concat(),
        );
        assert!(pages.peek_next_page().unwrap().unwrap().is_dict);
        let dictionary = pages.get_next_page().unwrap().unwrap();
        assert_eq!(dictionary.buffer().as_ref(), [1; 8]);
        assert_eq!(pages.peek_next_page().unwrap().unwrap().num_levels, Some(1));
        let data = pages.get_next_page().unwrap().unwrap();
        assert_eq!(
            (data.num_values(), data.buffer().as_ref()),
            (1, &[2; 4][..])
        );
        assert!(pages.get_next_page().unwrap().is_none());
    }
}

#[test]
fn a_checksum_has_to_match() {
    let crc = crc32fast::hash(&[7; 4]);
    for (crc, matches) in [(crc, true), (crc ^ 1, false)] {
        let crc = varint(
            (i64::from(crc.cast_signed()) << 1 ^ i64::from(crc.cast_signed()) >> 63)
                .cast_unsigned(),
        );
        let mut bytes = [number(0), number(4), number(4), vec![0x15], crc].concat();
        bytes.extend([vec![0x1c], number(1), number(0), number(3), number(3)].concat());
        bytes.extend([0, 0, 7, 7, 7, 7]);
        let page = pages(&bytes).get_next_page();
        assert_eq!(page.is_ok(), matches, "{page:?}");
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_before_it_is_taken() {
    let long = [header(false, MAX_PAGE_LEN + 1, 1, 0), vec![0; 300]].concat();
    let mut long = pages(&long);
    long.end = u64::MAX;
    assert!(fault(long).contains("too long"));
    let dictionary = [header(true, 4, 1 << 30, 0), vec![0; 4]].concat();
    assert!(fault(pages(&dictionary)).contains("memory"));
    let list = [header(false, 4, 1 << 30, 0), vec![0; 4]].concat();
    let mut list = pages(&list);
    list.is_listed = true;
    assert!(fault(list).contains("memory"));
}

#[test]
fn memory_is_counted_over_all_columns_and_given_back_with_the_next_page() {
    let bytes = [header(false, 4, 1, 0), vec![0; 4]].concat().repeat(3);
    let mut pages = pages(&bytes);
    for _ in 0..3 {
        pages.get_next_page().unwrap();
        assert_eq!(pages.open_bytes.load(Ordering::Relaxed), 4);
    }
    let other = self::pages(&bytes);
    other
        .open_bytes
        .store(MAX_OPEN_BYTES - 3, Ordering::Relaxed);
    assert!(fault(other).contains("memory"));
}

#[test]
fn a_dictionary_that_was_left_out_is_an_empty_one() {
    let mut data = header(false, 2, 1, 0);
    // The encoding, behind the number of values.
    let number_of_values = [0x2c, 0x15, 0x02, 0x15];
    let at = data.windows(4).position(|bytes| bytes == number_of_values);
    data[at.unwrap() + 4] = 8 << 1;
    let data = [data, vec![0; 2]].concat();
    let mut pages = pages(&data);
    let dictionary = pages.get_next_page().unwrap().unwrap();
    assert!(dictionary.is_dictionary_page());
    assert_eq!(dictionary.num_values(), 0);
    assert!(pages.get_next_page().unwrap().unwrap().is_data_page());
    assert!(pages.get_next_page().unwrap().is_none());
}

#[test]
fn a_page_that_reaches_beyond_its_column_is_refused_with_its_place() {
    let bytes = [header(false, 9, 1, 0), vec![0; 8]].concat();
    let fault = fault(pages(&bytes));
    assert!(
        fault.contains("column bytes: the page at byte 0 reaches beyond"),
        "{fault}"
    );
}
