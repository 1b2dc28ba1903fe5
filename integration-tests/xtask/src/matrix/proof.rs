//! What a row may be left out for: only what the kernel says of itself.

/// Whether a reason such as `no MPTCP: CONFIG_MPTCP is not set` holds for this kernel. It names an
/// option that the kernel was built without, or a release that is later than the kernel's, or the
/// file in which the kernel said it: a setting, or its list of protocols.
pub(super) fn holds(reason: &str, configuration: &str, release: &str) -> bool {
    let is_built_without = |word: &str| {
        word.starts_with("CONFIG_") && !configuration.is_empty() && !is_set(configuration, word)
    };
    let is_later = |version: &str| {
        let version = numbers(version);
        version.is_some() && version > numbers(release)
    };
    let words: Vec<&str> = reason
        .split(|letter: char| letter.is_whitespace() || letter == ',')
        .collect();
    let is_said_by_the_kernel = words
        .iter()
        .any(|word| word.starts_with("/proc/sys/") || *word == "/proc/net/protocols");
    words.iter().any(|word| is_built_without(word))
        || words
            .windows(2)
            .any(|pair| pair[0] == "Linux" && is_later(pair[1]))
        || is_said_by_the_kernel
}

fn is_set(configuration: &str, option: &str) -> bool {
    configuration.lines().any(|line| {
        let value = line
            .strip_prefix(option)
            .and_then(|rest| rest.strip_prefix('='));
        matches!(value, Some("y" | "m"))
    })
}

/// Major and minor number.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|letter: char| !letter.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_option_that_is_not_set_or_a_later_release_is_a_reason() {
        let configuration = "CONFIG_TLS=m\nCONFIG_MPTCP_IPV6=y\n# CONFIG_IP_SCTP is not set\n";
        let holds = |reason| holds(reason, configuration, "6.1.0-50-cloud-amd64");
        assert!(holds("no SCTP: CONFIG_IP_SCTP is not set"));
        assert!(holds("no MPTCP: CONFIG_MPTCP is not set"));
        assert!(!holds("no TLS: CONFIG_TLS is not set"));
        assert!(holds("no zero copy: Linux 6.3 has it, this is 6.1"));
        assert!(!holds("no zero copy: Linux 5.10 has it, this is 6.1"));
        assert!(holds(
            "no UDP-Lite: Linux 6.1 does not list it in /proc/net/protocols"
        ));
        assert!(!holds("it did not work"));
    }

    #[test]
    fn where_the_configuration_is_not_known_it_proves_nothing() {
        assert!(!holds("CONFIG_IP_SCTP is not set", "", "6.1.0"));
    }
}
