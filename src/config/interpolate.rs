//! `${NAME}` and `${NAME:-default}` in strings; `$${` is a literal `${`.

/// Why a string cannot be interpolated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The variable is not set, and there is no default.
    Unset(String),
    /// A `${` that does not open a variable.
    Malformed,
}

/// Replaces the variables of `text` by what `variable` says; as in a shell, `:-` also replaces an empty value.
pub(super) fn interpolate(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Fault> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            result.push_str(&rest[..at - 1]);
            result.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        result.push_str(&rest[..at]);
        let (inside, after) = rest[at + 2..].split_once('}').ok_or(Fault::Malformed)?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(Fault::Malformed);
        }
        match (variable(name), default) {
            (Some(value), default) if default.is_none() || !value.is_empty() => {
                result.push_str(&value);
            }
            (_, Some(default)) => result.push_str(default),
            (_, None) => return Err(Fault::Unset(name.to_owned())),
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// The names that POSIX gives to variables (XBD 3.216 "Name").
fn is_name(name: &str) -> bool {
    let letter = |character: char| character == '_' || character.is_ascii_alphabetic();
    name.starts_with(letter)
        && name
            .chars()
            .all(|character| letter(character) || character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Result<String, Fault> {
        interpolate(text, &|name| match name {
            "HOST" => Some("devo".into()),
            "EMPTY" => Some(String::new()),
            "SELF" => Some("${SELF}".into()),
            _ => None,
        })
    }

    #[test]
    fn variables_defaults_and_escapes() {
        let cases = [
            ("a ${HOST}:${PORT:-443}", "a devo:443"),
            ("${EMPTY}|${EMPTY:-x}|${HOST:-x}|${NO:-}", "|x|devo|"),
            ("$${HOST} $HOST $$ 100$", "${HOST} $HOST $$ 100$"),
            ("${SELF}", "${SELF}"),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_unset_variable_and_a_broken_one_are_faults() {
        assert_eq!(of("${NOPE}"), Err(Fault::Unset("NOPE".into())));
        for broken in ["${HOST", "${}", "${1A}", "${A B}", "a${2,3}"] {
            assert_eq!(of(broken), Err(Fault::Malformed), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_text_without_a_variable_is_left_alone(text in "[a${}:_-]{0,20}") {
            let result = of(&text);
            if !text.contains("${") {
                prop_assert_eq!(result, Ok(text));
            }
        }
    }
}
