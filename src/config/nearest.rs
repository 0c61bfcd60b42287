//! "Did you mean": the known word that an unknown one was probably meant to be.

/// The candidate with the fewest edits from `word`, if these are few for its length.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let edits_allowed = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(edits, _)| *edits <= edits_allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` if there is something near, else what `otherwise` says.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(word, candidates).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_stranger_is_not() {
        let keys = ["concurrent_connections", "connections", "port"];
        assert_eq!(
            nearest("concurent_conections", keys),
            Some("concurrent_connections")
        );
        assert_eq!(nearest("PORT", keys), Some("port"));
        assert_eq!(nearest("prot", keys), Some("port"));
        assert_eq!(nearest("visibility", keys), None);
    }
}
