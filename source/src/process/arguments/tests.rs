use proptest::prelude::*;

use super::*;
use crate::config::CommandLines;

fn words(line: &str) -> Vec<String> {
    line.split('|').map(str::to_owned).collect()
}

fn redaction(command_lines: CommandLines, patterns: &[&str]) -> Redaction {
    let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Redaction::new(command_lines, &patterns).unwrap()
}

fn line(redaction: &Redaction, arguments: &str) -> String {
    let redacted = redaction.redacted(&words(arguments), false);
    redaction.line(&redacted, false)
}

/// Arguments, with `|` between them, and the line that is shown.
const LINES: &[(&str, &str)] = &[
    // Nothing to hide.
    (
        "curl|-o|out|https://example.org:8080/a?b=c",
        "curl -o out 'https://example.org:8080/a?b=c'",
    ),
    ("ssh|-p|22|me@example.org", "ssh -p 22 me@example.org"),
    (
        "docker|run|-p|80:80|--user|1000:1000|nginx",
        "docker run -p 80:80 --user 1000:1000 nginx",
    ),
    (
        "git|clone|git@example.org:a/b.git",
        "git clone git@example.org:a/b.git",
    ),
    (
        "app|--password-file|/run/p|--password-file=/run/p|--no-password|x",
        "app --password-file /run/p --password-file=/run/p --no-password x",
    ),
    ("mkdir|-p|/tmp/secrets/token", "mkdir -p /tmp/secrets/token"),
    (
        "npm|view|https://registry.example.org/@scope/package",
        "npm view https://registry.example.org/@scope/package",
    ),
    ("make|PWD=/home/me|A=b", "make PWD=/home/me A=b"),
    (
        "app|--tokenizer|fast|--max-tokens|5",
        "app --tokenizer fast --max-tokens 5",
    ),
    // Options.
    ("app|--password=SECRET|x", "app --password=*** x"),
    ("app|--password|SECRET|x", "app --password *** x"),
    ("app|--password=two SECRET words|x", "app --password=*** x"),
    ("app|--password|two SECRET words|x", "app --password *** x"),
    (
        "app|--Passwd|SECRET|--pass=SECRET|--secret|SECRET",
        "app --Passwd *** --pass=*** --secret ***",
    ),
    (
        "app|--token|SECRET|--api-key|SECRET|--apikey=SECRET|--api_key=SECRET",
        "app --token *** --api-key *** --apikey=*** --api_key=***",
    ),
    (
        "app|--access-key=SECRET|--auth|SECRET|--authorization|SECRET",
        "app --access-key=*** --auth *** --authorization ***",
    ),
    (
        "app|-password|SECRET|-token=SECRET",
        "app -password *** -token=***",
    ),
    (
        "app|--db-password|SECRET|--smtp-pass|SECRET|--client_secret=SECRET",
        "app --db-password *** --smtp-pass *** --client_secret=***",
    ),
    (
        "tailscale|up|--authkey|SECRET|--auth-key=SECRET",
        "tailscale up --authkey *** --auth-key=***",
    ),
    (
        "app|--private-key|/etc/key.pem|--private-key|SECRET|--private-key=SECRET",
        "app --private-key /etc/key.pem --private-key *** --private-key=***",
    ),
    ("app|--password|--verbose|x", "app --password --verbose x"),
    ("app|--password=", "app --password="),
    (
        "keytool|-storepass|SECRET|-keypass|SECRET",
        "keytool -storepass *** -keypass ***",
    ),
    (
        "java|-Djavax.net.ssl.keyStorePassword=SECRET|-Dfoo=bar|Main",
        "java -Djavax.net.ssl.keyStorePassword=*** -Dfoo=bar Main",
    ),
    // Short options of those that have them.
    ("mysql|-uroot|-pSECRET|db", "mysql -uroot -p*** db"),
    ("mysql|-p|db", "mysql -p db"),
    (
        "/usr/bin/mariadb-dump|-pSECRET|db",
        "/usr/bin/mariadb-dump -p*** db",
    ),
    (
        "sudo|mysqladmin|-pSECRET|ping",
        "sudo mysqladmin -p*** ping",
    ),
    (
        "sshpass|-pSECRET|ssh|-p2222|host",
        "sshpass -p*** ssh -p2222 host",
    ),
    (
        "sshpass|-p|SECRET|ssh|-p|2222|host",
        "sshpass -p *** ssh -p 2222 host",
    ),
    ("mongosh|-u|me|-p|SECRET|host", "mongosh -u me -p *** host"),
    (
        "docker|login|-u|me|-p|SECRET|registry",
        "docker login -u me -p *** registry",
    ),
    ("redis-cli|-a|SECRET|get|x", "redis-cli -a *** get x"),
    (
        "ldapsearch|-x|-w|SECRET|-b|dc=x",
        "ldapsearch -x -w *** -b dc=x",
    ),
    (
        "mosquitto_pub|-u|me|-P|SECRET|-t|x",
        "mosquitto_pub -u me -P *** -t x",
    ),
    ("7z|x|-pSECRET|a.7z", "7z x -p*** a.7z"),
    ("curl|-u|me:SECRET|https://h/", "curl -u me:*** https://h/"),
    (
        "curl|-sSu|me:SECRET|https://h/",
        "curl -sSu me:*** https://h/",
    ),
    ("curl|-ume:SECRET|https://h/", "curl -ume:*** https://h/"),
    ("curl|-u|SECRET:|https://h/", "curl -u ***: https://h/"),
    ("curl|-u|me|https://h/", "curl -u me https://h/"),
    ("smbclient|-U|me%SECRET|//h/s", "smbclient -U me%*** //h/s"),
    (
        "openssl|rsa|-passin|pass:SECRET",
        "openssl rsa -passin pass:***",
    ),
    // Headers and bodies.
    (
        "curl|-H|Authorization: Bearer SECRET|x",
        "curl -H 'Authorization: Bearer ***' x",
    ),
    (
        "curl|-HAuthorization: Basic SECRET|x",
        "curl '-HAuthorization: Basic ***' x",
    ),
    (
        "curl|-H|authorization: SECRET",
        "curl -H 'authorization: ***'",
    ),
    (
        "curl|-H|X-Api-Key: SECRET|-H|Private-Token:SECRET|-H|Accept: text/html",
        "curl -H 'X-Api-Key: ***' -H Private-Token:*** -H 'Accept: text/html'",
    ),
    (
        "curl|-H|Cookie: a=SECRET; b=SECRET",
        "curl -H 'Cookie: ***'",
    ),
    (
        "curl|-d|{\"user\": \"me\", \"password\": \"SECRET\"}",
        "curl -d '{\"user\": \"me\", \"password\": \"***\"}'",
    ),
    (
        "curl|-d|user=me&password=SECRET&x=1",
        "curl -d 'user=me&password=***&x=1'",
    ),
    // URLs.
    (
        "app|postgres://me:SECRET@db.example.org/x",
        "app postgres://me:***@db.example.org/x",
    ),
    (
        "app|redis://:SECRET@host:6379",
        "app redis://:***@host:6379",
    ),
    (
        "app|--url=https://me:SECRET@h/|http://h:80/",
        "app --url=https://me:***@h/ http://h:80/",
    ),
    (
        "git|clone|https://ghp_SECRETSECRETSECRETSECRETSECRET12@github.com/a/b",
        "git clone https://***@github.com/a/b",
    ),
    (
        "curl|https://h/?a=1&token=SECRET&b=2",
        "curl 'https://h/?a=1&token=***&b=2'",
    ),
    (
        "curl|https://h/?key=SECRET#x",
        "curl 'https://h/?key=***#x'",
    ),
    (
        "curl|https://h/x?X-Amz-Signature=SECRET&X-Amz-Date=1",
        "curl 'https://h/x?X-Amz-Signature=***&X-Amz-Date=1'",
    ),
    (
        "app|AccountName=me;AccountKey=SECRET==;x=1",
        "app 'AccountName=me;AccountKey=***;x=1'",
    ),
    // Assignments.
    (
        "env|DB_PASSWORD=SECRET|My_Token=SECRET|aws_secret_access_key=SECRET|API_KEY=SECRET|A=b",
        "env DB_PASSWORD=*** My_Token=*** aws_secret_access_key=*** API_KEY=*** A=b",
    ),
    (
        "docker|run|-e|MYSQL_ROOT_PASSWORD=SECRET|--env=TOKEN=SECRET|x",
        "docker run -e MYSQL_ROOT_PASSWORD=*** --env=TOKEN=*** x",
    ),
    (
        "psql|host=h user=me password=SECRET",
        "psql 'host=h user=me password=***'",
    ),
    // Command lines in arguments.
    (
        "sh|-c|mysql -pSECRET -e 'select 1'",
        r"sh -c 'mysql -p*** -e '\''select 1'\'''",
    ),
    (
        "bash|-c|PGPASSWORD=SECRET psql --token \"a SECRET b\" it",
        "bash -c PGPASSWORD=***",
    ),
    (
        "bash|-c|cd /; PGPASSWORD=SECRET psql --token \"a SECRET b\" it",
        "bash -c 'cd /; PGPASSWORD=*** psql --token *** it'",
    ),
    (
        "sh|-c|it's --token SECRET here",
        r"sh -c 'it'\''s --token *** here'",
    ),
    (
        "sh|-c|curl -u \"me:SECRET\" https://h",
        "sh -c 'curl -u \"me:*** https://h'",
    ),
    (
        "su|-c|sh -c 'app --password SECRET'",
        r"su -c 'sh -c '\''app --password ***'\'''",
    ),
    (
        "chrome --type=x --api-key=SECRET --y",
        "'chrome --type=x --api-key=*** --y'",
    ),
    // Secrets that say so.
    ("app|AKIAABCDEFGHIJKLMNOP|x", "app *** x"),
    ("app|glpat-SECRETSECRETSECRETSECRET", "app ***"),
];

#[test]
fn secrets_are_hidden_and_the_rest_is_shown() {
    let redaction = redaction(CommandLines::Redacted, &[]);
    let wrong: Vec<_> = LINES
        .iter()
        .map(|(arguments, expected)| (arguments, expected, line(&redaction, arguments)))
        .filter(|(_, expected, found)| found != *expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (arguments, expected) in LINES {
        assert!(!expected.contains("SECRET"), "{arguments}");
    }
}

#[test]
fn a_choice_says_what_is_told() {
    let arguments = "app|--password|SECRET|--session|mine";
    for (choice, patterns, expected) in [
        (
            CommandLines::Full,
            &[][..],
            Some("app --password SECRET --session mine"),
        ),
        (
            CommandLines::Full,
            &["mine"],
            Some("app --password SECRET --session ***"),
        ),
        (
            CommandLines::Redacted,
            &[],
            Some("app --password *** --session mine"),
        ),
        (
            CommandLines::Redacted,
            &["--session (\\S+)"],
            Some("app --password *** --session ***"),
        ),
        (
            CommandLines::Redacted,
            &["^mi(n)e$"],
            Some("app --password *** --session mi***e"),
        ),
        (
            CommandLines::Redacted,
            &["x*"],
            Some("app --password *** --session mine"),
        ),
        (
            CommandLines::Redacted,
            &["(x)?--session"],
            Some("app --password *** *** mine"),
        ),
        (CommandLines::Off, &[], None),
    ] {
        let redaction = redaction(choice, patterns);
        let told = redaction.told(line(&redaction, arguments));
        assert_eq!(told.as_deref(), expected, "{choice} {patterns:?}");
    }
}

#[test]
fn a_pattern_that_cannot_be_read_is_named() {
    let patterns = ["a".to_owned(), "(".to_owned()];
    let error = Redaction::new(CommandLines::Redacted, &patterns).unwrap_err();
    assert_eq!(error.index, 1);
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let redaction = redaction(CommandLines::Redacted, &[]);
    let line = line(&redaction, &format!("app|{}", "ä".repeat(2000)));
    assert!(
        line.len() <= MAX_BYTES && line.len() > MAX_BYTES - 4,
        "{}",
        line.len()
    );
    assert!(line.ends_with("ä…"));
    assert_eq!(cut("short".to_owned(), MAX_BYTES), "short");
}

#[test]
fn a_password_whose_end_was_not_recorded_is_hidden_too() {
    let redaction = redaction(CommandLines::Redacted, &[]);
    for (arguments, expected) in [
        ("app|postgres://me:SECR", "app postgres://me:*** …"),
        ("app|https://example.org/x", "app https://example.org/x …"),
        (
            "app|-H|Authorization: Bearer SECR",
            "app -H Authorization: Bearer *** …",
        ),
    ] {
        let redacted = redaction.redacted(&words(arguments), true);
        assert_eq!(redaction.line(&redacted, true).replace('\'', ""), expected);
    }
}

proptest! {
    #[test]
    fn any_arguments_are_one_short_line(
        arguments in proptest::collection::vec(any::<String>(), 0..8),
        is_cut in any::<bool>(),
    ) {
        let redaction = redaction(CommandLines::Redacted, &["a(b)?", "."]);
        let redacted = redaction.redacted(&arguments, is_cut);
        let line = redaction.line(&redacted, is_cut);
        prop_assert!(line.len() <= MAX_BYTES);
        prop_assert!(!line.contains(char::is_control));
    }

    #[test]
    fn a_secret_is_nowhere_in_the_line(
        secret in "[A-Za-z0-9_]{10,20}XYZ",
        place in 0..LINES.len(),
        before in "[ a-z'\"-]{0,12}",
    ) {
        let redaction = redaction(CommandLines::Redacted, &[]);
        let arguments = LINES[place].0.replace("SECRET", &secret);
        prop_assert!(!line(&redaction, &arguments).contains("XYZ"));
        // Inside another command line too, whatever stands before it.
        let nested = format!("sh|-c|{before} {}", arguments.replace('|', " "));
        let is_taken_apart = LINES[place].0.contains(' ');
        prop_assert!(is_taken_apart || !line(&redaction, &nested).contains("XYZ"), "{nested}");
    }
}
