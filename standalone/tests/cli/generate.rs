//! `nettally generate`, `completions` and `man`.

use super::{err, out, run, text};

#[test]
fn a_generated_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    for option in [&["generate"][..], &["generate", "--minimal"]] {
        let file = folder.path().join("nettally.yaml");
        std::fs::write(&file, out(&run(option, 0))).unwrap();
        let expected = format!(
            "{}: ok (sources: network; sinks: history)\n",
            file.display()
        );
        assert_eq!(out(&run(&["validate", text(&file)], 0)), expected);
    }
}

#[test]
fn scripts_and_pages_are_printed() {
    assert!(out(&run(&["completions", "bash"], 0)).contains("_nettally()"));
    assert!(out(&run(&["man"], 0)).contains(".TH nettally 1"));
}

#[test]
fn an_unknown_shell_is_told_the_known_ones() {
    let output = run(&["completions", "tcsh"], 2);
    assert!(
        err(&output).contains("bash, elvish, fish"),
        "{}",
        err(&output)
    );
}
