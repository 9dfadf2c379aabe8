//! What a word that nobody knows was probably meant to be.

/// How much of a word is looked at.
const LONGEST: usize = 64;

/// The word that is nearest to an unknown one, if any is near enough; case does not matter.
pub(crate) fn nearest<'a>(
    unknown: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let unknown: Vec<char> = lower(unknown).take(LONGEST).collect();
    let tolerance = 1 + unknown.len() / 4;
    words
        .into_iter()
        .map(|word| (distance(&unknown, word), word))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters have to be changed, added or taken away (Levenshtein).
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, letter) in lower(b).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in a.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

fn lower(word: &str) -> impl Iterator<Item = char> {
    word.chars().flat_map(char::to_lowercase)
}
