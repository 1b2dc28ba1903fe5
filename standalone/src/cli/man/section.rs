//! The sections of a manual page that no option tells: examples, files, signals.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::roff::{Roff, roman};

/// Of a command, by the name of its page: blocks, each with a heading that ends in a colon and lines
/// that are shown as they are. What `--help` ends with has the same form.
const TOLD: [(&str, &str); 3] = [
    (
        "nettally",
        "\
Examples:
  sudo nettally run        measure; it says where its page is
  nettally top             who moves how much now
  nettally report today    who moved how much today
  nettally report last 7d --group-by app,remote_ip --where protocol=udp
  sudo nettally doctor     what this kernel allows

Files:
  /etc/nettally/nettally.yaml       the configuration, if there is one
  /var/lib/nettally/nettally.db     the history: SQLite, see its view usage
  /var/lib/nettally/nettally.sock   the HTTP API for this machine
  /var/lib/nettally/token           what other machines need to use it",
    ),
    (
        "nettally-run",
        "\
Signals:
  SIGINT, SIGTERM   store the last window, then end with exit status 0
  SIGHUP            read the configuration again; one that cannot be used
                    changes nothing",
    ),
    (
        "nettally-top",
        "\
Keys:
  1 to 5    processes, remotes, one process, rates over time, health
  Enter     details of the selected row
  /         a filter: a text, or an expression as of --where
  g         by PID, application or name
  c         rates or totals
  Space     pause
  ?         all keys
  q         end

Examples:
  nettally top --where 'remote_port=443 and not process=firefox'
  nettally top --once --json

Daemon:
  While `nettally run` runs, its numbers are shown. If it stops, the
  screen says so and goes on with the next; --once and --json end with
  exit status 1.",
    ),
];

/// Writes what is told of the command, what its help ends with, and where to read on.
pub(super) fn render(command: &Command, name: &str, page: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::default();
    let help = command.get_after_long_help().or(command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let told = TOLD.iter().filter(|(page, _)| *page == name);
    for text in told.map(|(_, text)| *text).chain([help.as_str()]) {
        for (heading, lines) in blocks(text) {
            roff.control("SH", [heading.as_str()]);
            roff.control("nf", []);
            for line in lines {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        }
    }
    let above: Vec<String> = name
        .match_indices('-')
        .map(|(end, _)| format!("{}(1)", &name[..end]))
        .collect();
    if !above.is_empty() {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([roman(above.join(", "))]);
    }
    roff.to_writer(page)
}

/// Headings in capitals, and the lines below each without their indentation.
fn blocks(text: &str) -> Vec<(String, Vec<&str>)> {
    let mut blocks: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("  "), blocks.last_mut()) {
            (Some(line), Some((_, lines))) => lines.push(line),
            _ if line.is_empty() => {}
            _ => blocks.push((line.trim_end_matches(':').to_uppercase(), Vec::new())),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_as_it_is_fits_a_terminal_of_80_columns() {
        for (page, text) in TOLD {
            for line in text.lines() {
                // Seven columns of the 80 are the margin, two are cut off.
                assert!(line.chars().count() <= 75, "{page}: {line}");
            }
        }
    }

    #[test]
    fn help_is_read_in_blocks_and_lines_stay_as_they_are() {
        let help = "Exit status:\n  0  Done.\n\nExamples:\n  a  'b c'\n    more\n";
        assert_eq!(
            blocks(help),
            [
                ("EXIT STATUS".to_owned(), vec!["0  Done."]),
                ("EXAMPLES".to_owned(), vec!["a  'b c'", "  more"]),
            ]
        );
    }
}
