//! Names of processes, and what else tells series apart, as parts of metric names and as tags.

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

/// `value` with every character replaced by `_` that ends a tag, or that servers replace in any
/// case. A colon is kept: only the first one ends the name of the tag.
pub(super) fn tag_value(value: &str) -> String {
    let is_kept = |c: char| c.is_alphanumeric() || "_-:./[]@+".contains(c);
    value
        .chars()
        .map(|c| if is_kept(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{metric_part, tag_value};

    #[test]
    fn a_tag_cannot_end_its_line_or_begin_another() {
        let cases = [
            ("curl", "curl"),
            ("a,b|c#d\ne:1", "a_b_c_d_e:1"),
            ("2001:db8::/48", "2001:db8::/48"),
            ("docker:3f2a9c1b7d55", "docker:3f2a9c1b7d55"),
            ("naïve plan", "naïve_plan"),
        ];
        for (value, tag) in cases {
            assert_eq!(tag_value(value), tag);
        }
    }

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
