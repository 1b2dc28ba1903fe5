//! `nettally validate`.

use super::{err, out, run, text};

#[test]
fn all_problems_of_a_file_are_listed_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two.yaml");
    let yaml = "sources:\n  network:\n    type: process_network\n    scrape_interval_sec: 2\n    \
                protocols: [tpc]\n";
    std::fs::write(&file, yaml).unwrap();
    let output = run(&["validate", text(&file)], 1);
    let expected = format!(
        "nettally: the configuration has 2 problems:\n  \
         {file}:4:5: sources.network.scrape_interval_sec: unknown option \"scrape_interval_sec\"; \
         did you mean `scrape_interval_secs`? allowed: type, scrape_interval_secs, backend, \
         protocols, loopback, remotes, processes, flow_table_entries, process_table_entries, apps, \
         command_lines, redact, tunnels\n  \
         {file}:5:17: sources.network.protocols[0]: unknown value \"tpc\"; did you mean `tcp`? \
         allowed: tcp, udp, udplite, icmp, raw, sctp, packet\n",
        file = file.display()
    );
    assert_eq!(err(&output), expected);
}

#[test]
fn a_good_file_is_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("good.yaml");
    std::fs::write(&file, "sinks:\n  s: { type: statsd }\n").unwrap();
    let expected = format!("{}: ok (sources: network; sinks: s)\n", file.display());
    let by_name = run(&["validate", text(&file)], 0);
    let by_option = run(&["-c", text(&file), "validate"], 0);
    assert_eq!((out(&by_name), out(&by_option)), (&*expected, &*expected));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let output = run(&["validate", "/nonexistent/x.yaml"], 1);
    assert_eq!(
        err(&output),
        "nettally: cannot read configuration /nonexistent/x.yaml; check the path and that this \
         user may read it: No such file or directory (os error 2)\n"
    );
}
