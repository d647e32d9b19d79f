//! "Did you mean …?": the nearest known word to a misspelt one.

/// The candidate that `word` is most likely a misspelling of, if one is near enough.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).max(usize::from(!word.is_empty()));
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, remove, replace or swap (optimal string alignment), without regard to case.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut least = (at(&above, j) + usize::from(x != y))
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_a_missing_and_a_wrong_letter_are_recognised() {
        let fields = ["assigned_to", "priority", "state"];
        for wrong in ["asigned_to", "assigend_to", "assigned_tp", "Assigned_To"] {
            assert_eq!(nearest(wrong, fields), Some("assigned_to"), "{wrong}");
        }
        assert_eq!(nearest("colour", fields), None);
        assert_eq!(nearest("", fields), None);
    }

    #[test]
    fn a_one_letter_word_is_not_taken_for_a_long_one() {
        assert_eq!(nearest("x", ["host", "port"]), None);
        assert_eq!(nearest("a", ["b"]), Some("b"));
    }
}
