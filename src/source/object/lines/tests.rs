#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 32;

/// The lines of `object`, marked, when it comes in chunks of these lengths, again and again.
fn split_in(mut splitter: LineSplitter, mut object: &[u8], chunks: &[usize]) -> Vec<String> {
    let mut lines = Vec::new();
    for chunk in chunks.iter().cycle() {
        if object.is_empty() {
            break;
        }
        let room = splitter.window().room();
        assert!(!room.is_empty());
        let len = room.len().min(*chunk).min(object.len());
        room[..len].copy_from_slice(&object[..len]);
        splitter.window().commit(len);
        object = &object[len..];
        while splitter.advance() {
            lines.push(splitter.line().marked.to_owned());
        }
    }
    splitter.end();
    while splitter.advance() {
        lines.push(splitter.line().marked.to_owned());
    }
    lines
}

/// Splits `object` at once and byte by byte, which must not differ.
fn split_by(make: fn(usize) -> LineSplitter, object: &[u8]) -> Vec<String> {
    let at_once = split_in(make(LIMIT), object, &[usize::MAX]);
    assert_eq!(split_in(make(LIMIT), object, &[1]), at_once);
    at_once
}

fn lines(object: &str) -> Vec<String> {
    split_by(LineSplitter::new, object.as_bytes())
}

fn rows(object: &str) -> Vec<String> {
    split_by(LineSplitter::csv, object.as_bytes())
}

#[test]
fn lines_end_at_lf_or_crlf_or_with_the_object() {
    assert_eq!(
        lines("a\nb\r\n\n\r\n c \r\rd\ne"),
        ["a", "b", " c \r\rd", "e"]
    );
    assert_eq!(lines("a\r"), ["a\r"]);
    assert!(lines("").is_empty());
    assert!(lines("\n\r\n\n").is_empty());
}

#[test]
fn line_numbers_count_empty_lines_and_bytes_are_those_of_the_line() {
    let mut splitter = LineSplitter::new(LIMIT);
    let window = splitter.window();
    window.room()[..6].copy_from_slice(b"\n\na\r\nb");
    window.commit(6);
    assert!(splitter.advance());
    assert_eq!((splitter.number(), splitter.bytes()), (3, &b"a"[..]));
    assert!(!splitter.advance());
    splitter.window();
    assert_eq!(splitter.line().text, "");
    splitter.end();
    assert!(splitter.advance());
    assert_eq!((splitter.number(), splitter.bytes()), (4, &b"b"[..]));
}

#[test]
fn a_line_of_the_greatest_length_is_whole_and_a_longer_one_is_cut_and_marked() {
    let longest = "x".repeat(LIMIT);
    for end in ["\n", "\r\n", ""] {
        assert_eq!(
            lines(&format!("{longest}{end}")),
            [longest.as_str()],
            "{end:?}"
        );
        let object = format!("{longest}yz{end}");
        let cut = format!("{longest} [cut by cloudweir: 2 bytes left out]");
        assert_eq!(lines(&object), [cut], "{end:?}");
    }
    assert_eq!(lines(&format!("{longest}y\nnext\n"))[1], "next");
}

#[test]
fn a_line_longer_than_the_window_costs_no_more_memory_and_the_next_ones_are_whole() {
    let mut object = vec![b'x'; 10 << 20];
    object.extend_from_slice(b"\r\nnext");
    let mut splitter = LineSplitter::new(1 << 10);
    let capacity = splitter.window().capacity();
    let mut read = Vec::new();
    for chunk in object.chunks(1000) {
        splitter.window().room()[..chunk.len()].copy_from_slice(chunk);
        splitter.window().commit(chunk.len());
        while splitter.advance() {
            let line = splitter.line();
            read.push((line.text.len(), line.left_out_bytes));
        }
    }
    splitter.end();
    assert!(splitter.advance());
    assert_eq!(splitter.line().text, "next");
    assert_eq!(read, [(1 << 10, (10 << 20) - (1 << 10))]);
    assert_eq!(splitter.window().capacity(), capacity);
    assert_eq!(
        (splitter.take_cut_lines(), splitter.take_cut_lines()),
        (1, 0)
    );
}

#[test]
fn no_character_is_cut_apart() {
    for (char, kept) in [("é", 31), ("€", 30), ("\u{1f980}", 29)] {
        let head = "x".repeat(kept);
        let left_out = char.len() + 1;
        assert_eq!(
            lines(&format!("{head}{char}y\n")),
            [format!(
                "{head} [cut by cloudweir: {left_out} bytes left out]"
            )]
        );
    }
}

#[test]
fn what_is_not_utf_8_is_replaced() {
    assert_eq!(
        split_by(LineSplitter::new, b"a\xffb\n\xc3\n"),
        ["a\u{fffd}b", "\u{fffd}"]
    );
}

#[test]
fn quoted_fields_keep_their_commas_quotes_and_line_feeds() {
    assert_eq!(
        rows("\"a,b\",\"c\"\"d\"\r\n\"e\nf\",\"g\"\r\n\n\"\r\n\",\"\"\nlast,\"x\ny\""),
        [
            "\"a,b\",\"c\"\"d\"",
            "\"e\nf\",\"g\"",
            "\"\r\n\",\"\"",
            "last,\"x\ny\""
        ]
    );
}

#[test]
fn a_quote_inside_a_bare_field_opens_nothing() {
    assert_eq!(rows("a\"b, \"c\nd,5\"\ne\n"), ["a\"b, \"c", "d,5\"", "e"]);
}

#[test]
fn a_stray_quote_costs_the_rows_behind_it_nothing() {
    // Closed by the first quote of the next row, with a date behind it.
    assert_eq!(
        rows("\"1\",\"a\n\"2\",\"b\"\n\"3\",\"c\"\n"),
        ["\"1\",\"a", "\"2\",\"b\"", "\"3\",\"c\""]
    );
    // Never closed: by the end of the object, or by the greatest length.
    assert_eq!(rows("1,\"a\n2,b\n3,c"), ["1,\"a", "2,b", "3,c"]);
    let many = "2,b\n".repeat(3 * LIMIT);
    let split = rows(&format!("1,\"a\n{many}"));
    assert_eq!(split.len(), 1 + 3 * LIMIT);
    assert_eq!(split[0], "1,\"a");
}

#[test]
fn a_row_that_is_too_long_is_cut_or_falls_apart_at_its_line_feeds() {
    let long = "x".repeat(LIMIT);
    assert_eq!(
        rows(&format!("\"{long}\",\"a\"\n1,2\n")),
        [
            format!("\"{} [cut by cloudweir: 6 bytes left out]", &long[1..]),
            "1,2".to_owned()
        ]
    );
    assert_eq!(
        rows(&format!("a,\"b\n{long}\"\n1,2\n")),
        [
            "a,\"b".to_owned(),
            format!("{long} [cut by cloudweir: 1 bytes left out]"),
            "1,2".to_owned()
        ]
    );
}

#[test]
fn quotes_that_never_close_take_no_more_than_two_looks_at_each_byte() {
    let row = format!("a,\"{}\n", "b".repeat(100));
    let object = row.repeat(20_000);
    let mut looked_at = 0;
    let mut rest = object.as_bytes();
    while !rest.is_empty() {
        let mut search = RowSearch::default();
        let end = search.end_in(rest, 1 << 20, true).unwrap();
        looked_at += search.seen();
        rest = &rest[end + 1..];
    }
    assert!(looked_at <= 2 * object.len() + row.len());
}

proptest! {
    #[test]
    fn lines_are_those_of_str_in_any_chunking(
        object in "([a-zé\r ]{0,9}\r?\n?){0,12}",
        chunks in proptest::collection::vec(1_usize..20, 1..8),
    ) {
        let splitter = LineSplitter::new(1000);
        let expected: Vec<&str> = object.lines().filter(|line| !line.is_empty()).collect();
        prop_assert_eq!(split_in(splitter, object.as_bytes(), &chunks), expected);
    }

    #[test]
    fn well_formed_rows_come_out_byte_for_byte_in_any_chunking(
        rows in proptest::collection::vec(proptest::collection::vec("[a\",\n\r]{0,6}", 1..4), 0..8),
        chunks in proptest::collection::vec(1_usize..20, 1..8),
    ) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let row = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
        let rows: Vec<String> = rows.iter().map(row).collect();
        let object = rows.join("\n");
        prop_assert_eq!(split_in(LineSplitter::csv(1000), object.as_bytes(), &chunks), rows);
    }

    #[test]
    fn whatever_the_quotes_nothing_is_lost_and_chunks_do_not_matter(
        object in "[a\",\n]{0,80}",
        chunks in proptest::collection::vec(1_usize..20, 1..8),
        limit in 80_usize..90,
    ) {
        let rows = split_in(LineSplitter::csv(limit), object.as_bytes(), &chunks);
        prop_assert_eq!(&rows, &split_in(LineSplitter::csv(limit), object.as_bytes(), &[usize::MAX]));
        let rows = rows.join("\n");
        let lines = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        prop_assert_eq!(lines(&rows), lines(&object));
    }

    #[test]
    fn any_bytes_split_alike_in_any_chunking_and_within_the_limit(
        object in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"'), Just(b','), Just(b'\r')], 0..300),
        chunks in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        for make in [LineSplitter::new, LineSplitter::csv] {
            let lines = split_in(make(LIMIT), &object, &chunks);
            prop_assert_eq!(&lines, &split_in(make(LIMIT), &object, &[usize::MAX]));
            // One byte can become a replacement character of three.
            let longest = 3 * LIMIT + " [cut by cloudweir: 300 bytes left out]".len();
            prop_assert!(lines.iter().all(|line| line.len() <= longest));
        }
    }
}
