//! Names of processes as parts of metric names.

/// `name` with every character that has a meaning to StatsD or its servers replaced by `_`.
pub(super) fn metric_part(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::metric_part;

    #[test]
    fn only_letters_digits_underscore_and_hyphen_are_left() {
        let cases = [
            ("curl", "curl"),
            ("Web Content", "Web_Content"),
            ("a.b:1|c\n#x", "a_b_1_c__x"),
            ("kworker/0:1-ev", "kworker_0_1-ev"),
            ("naïve", "na_ve"),
            ("", "_"),
        ];
        for (name, part) in cases {
            assert_eq!(metric_part(name), part);
        }
    }
}
