use nettally_source::pipeline::{
    Attribution, Container, Process, ProcessId, Protocol, Remote, Runtime, Usage,
};
use std::sync::Arc;

use super::*;
use crate::testing::{History, batch, process, remote, second, usage};

/// Six flows whose PIDs tell which of them a filter lets through.
fn flows() -> Vec<Usage> {
    let flow = |pid, name: &str, remote| usage(process(pid, name), remote, 1, 1);
    let mut nameless = flow(6, "Ärger", Remote::Unresolved);
    nameless.process = Arc::new(Process {
        exe: None,
        user: None,
        uid: None,
        ..process(6, "Ärger")
    });
    vec![
        flow(1, "firefox", remote("10.0.0.1", 443)),
        flow(2, "curl", remote("10.255.255.255", 80)),
        flow(3, "sshd", remote("11.0.0.0", 22)),
        flow(4, "Fire\"walker", remote("2001:db8::1", 8443)),
        Usage {
            protocol: Protocol::Udp,
            local_port: 53,
            ..flow(5, "and", remote("::1", 53))
        },
        nameless,
    ]
}

fn history() -> History {
    History::with(vec![batch(second(0), flows())])
}

/// What the filter lets through of what is measured now.
fn live(flows: &[Usage], filter: &str) -> Vec<u64> {
    let filter: Filter = filter.parse().unwrap();
    let matching = flows.iter().filter(|usage| {
        filter.matches(&Flow {
            process: &usage.process,
            protocol: usage.protocol,
            local_port: usage.local_port,
            remote: usage.remote,
        })
    });
    matching.map(|usage| usage.process.id.pid.into()).collect()
}

fn matching(history: &History, filter: &str) -> Vec<u64> {
    let answer = history.ask(&[Field::Pid], filter);
    let mut pids: Vec<u64> = answer
        .rows
        .iter()
        .map(|row| row.fields[0].1.as_u64().unwrap())
        .collect();
    pids.sort_unstable();
    pids
}

#[test]
fn every_operator_lets_through_what_it_says() {
    let (history, flows) = (history(), flows());
    let table: &[(&str, &[u64])] = &[
        ("process=firefox", &[1]),
        ("process = 'firefox'", &[1]),
        ("process=Firefox", &[]),
        ("process!=firefox", &[2, 3, 4, 5, 6]),
        ("process~FIRE", &[1, 4]),
        ("process ~ äRG", &[6]),
        ("process!~fire", &[2, 3, 5, 6]),
        ("process='Fire\"walker'", &[4]),
        ("process=\"Fire\"\"walker\"", &[4]),
        (r#"process="Fire\"walker""#, &[4]),
        ("process=and and protocol=udp", &[5]),
        ("process in (curl, 'sshd')", &[2, 3]),
        ("process not in (curl, sshd)", &[1, 4, 5, 6]),
        ("process in curl", &[2]),
        ("exe=/usr/bin/curl", &[2]),
        ("exe=null", &[6]),
        ("exe='null'", &[]),
        ("exe!=null", &[1, 2, 3, 4, 5]),
        ("exe~bin", &[1, 2, 3, 4, 5]),
        ("user=ada", &[1, 2, 3, 4, 5]),
        ("user=null", &[6]),
        ("user in (null, ada)", &[1, 2, 3, 4, 5, 6]),
        ("pid<3", &[1, 2]),
        ("pid<=3", &[1, 2, 3]),
        ("pid>4", &[5, 6]),
        ("pid>=4", &[4, 5, 6]),
        ("pid>4294967295", &[]),
        ("pid<0", &[]),
        ("pid in (1, 6)", &[1, 6]),
        ("protocol=udp", &[5]),
        ("protocol!=udp", &[1, 2, 3, 4, 6]),
        ("protocol in (tcp, UDP)", &[1, 2, 3, 4, 5, 6]),
        ("local_port=53", &[5]),
        ("remote_port>=443", &[1, 4]),
        ("remote_port<100", &[2, 3, 5]),
        ("remote_port=0", &[]),
        ("remote_port=null", &[6]),
        ("remote_port!=443", &[2, 3, 4, 5, 6]),
        ("remote_ip=10.0.0.1", &[1]),
        ("remote_ip=::ffff:10.0.0.1", &[1]),
        ("remote_ip='2001:0DB8:0::1'", &[4]),
        ("remote_ip!=10.0.0.1", &[2, 3, 4, 5, 6]),
        ("remote_ip=unresolved", &[6]),
        ("remote_ip=null", &[6]),
        ("remote_ip=other", &[]),
        ("remote_ip not in (none, other)", &[1, 2, 3, 4, 5, 6]),
        ("local_port=null", &[]),
        ("remote_ip!=unresolved", &[1, 2, 3, 4, 5]),
        ("remote_ip~db8", &[4]),
        ("remote_ip !~ 10.", &[3, 4, 5, 6]),
        ("remote_ip in 10.0.0.0/8", &[1, 2]),
        ("remote_ip in 10.1.2.3/8", &[1, 2]),
        ("remote_ip in 10.0.0.1/32", &[1]),
        ("remote_ip in 10.0.0.1", &[1]),
        ("remote_ip in 0.0.0.0/0", &[1, 2, 3]),
        ("remote_ip in ::/0", &[4, 5]),
        ("remote_ip in ::ffff:10.0.0.0/104", &[1, 2]),
        ("remote_ip in ::1/128", &[5]),
        ("remote_ip in 2001:db8::/32", &[4]),
        ("remote_ip not in ::/0", &[1, 2, 3, 6]),
        ("remote_ip in (10.0.0.0/8, ::1, unresolved)", &[1, 2, 5, 6]),
        ("pid=1 or pid=2 and protocol=udp", &[1]),
        ("(pid=1 or pid=5) and protocol=udp", &[5]),
        ("not pid=1 and not (pid=2 or pid=3)", &[4, 5, 6]),
        ("not not pid=1", &[1]),
        ("PID=1 OR NOT pid!=2", &[1, 2]),
    ];
    for (filter, expected) in table {
        assert_eq!(matching(&history, filter), *expected, "{filter}");
        assert_eq!(live(&flows, filter), *expected, "{filter}, live");
    }
}

#[test]
fn identity_is_filtered_as_names_are() {
    let of = |pid, process: Process| {
        let id = crate::testing::process(pid, "").id;
        usage(Process { id, ..process }, Remote::Unresolved, 1, 1)
    };
    let flows = vec![
        of(
            1,
            Process {
                unit: Some("nginx.service".to_owned()),
                attribution: Attribution::Kernel,
                command_line: Some("nginx -g 'daemon off;'".to_owned()),
                ..Process::named(ProcessId::default(), "nginx")
            },
        ),
        of(
            2,
            Process {
                container: Some(Container {
                    runtime: Runtime::Docker,
                    id: "3f2a9c1b7d55".to_owned() + &"0".repeat(52),
                }),
                pod: Some("5a1".to_owned()),
                attribution: Attribution::Proc,
                command_line: Some("nginx".to_owned()),
                ..Process::named(ProcessId::default(), "nginx")
            },
        ),
        of(
            3,
            Process {
                tunnel: true,
                package: Some("snap:vpn".to_owned()),
                app: "VPN".to_owned(),
                ..Process::named(ProcessId::default(), "openvpn")
            },
        ),
    ];
    let history = History::with(vec![batch(second(0), flows.clone())]);
    let table: &[(&str, &[u64])] = &[
        ("app=nginx", &[1, 2]),
        ("app~vpn", &[3]),
        ("app!=VPN", &[1, 2]),
        ("unit=nginx.service", &[1]),
        ("unit=none", &[2, 3]),
        ("unit=null", &[2, 3]),
        ("unit!=none", &[1]),
        ("unit~NGINX", &[1]),
        ("container=docker:3f2a9c1b7d55", &[2]),
        ("container~docker", &[2]),
        ("container in (none, docker:3f2a9c1b7d55)", &[1, 2, 3]),
        ("container not in (none)", &[2]),
        ("pod=5a1", &[2]),
        ("pod=none", &[1, 3]),
        ("package~snap:", &[3]),
        ("package=none", &[1, 2]),
        ("tunnel=true", &[3]),
        ("tunnel=false", &[1, 2]),
        ("tunnel!=true", &[1, 2]),
        ("tunnel in (true, false)", &[1, 2, 3]),
        ("attribution=kernel", &[1]),
        ("attribution in (proc, unknown)", &[2, 3]),
        ("attribution!=kernel", &[2, 3]),
        ("command_line=nginx", &[2]),
        ("command_line~daemon", &[1]),
        ("command_line=null", &[3]),
        ("command_line!=null and not tunnel=true", &[1, 2]),
    ];
    for (filter, expected) in table {
        assert_eq!(matching(&history, filter), *expected, "{filter}");
        assert_eq!(live(&flows, filter), *expected, "{filter}, live");
    }
}

#[test]
fn errors_say_where_what_was_found_and_what_is_allowed() {
    let fields = "process, pid, exe, user, protocol, remote_ip, remote_port, local_port, app, \
                  unit, container, pod, package, tunnel, attribution, command_line";
    let numbers = "=, !=, <, <=, >, >=, in (..), not in (..)";
    for (filter, position, message) in [
        (
            "",
            0,
            &*format!("found the end, expected a field ({fields}), `not` or `(`"),
        ),
        (
            "poort=1",
            0,
            &format!("unknown field `poort`; allowed: {fields}"),
        ),
        (
            "pid=1 and ",
            10,
            &format!("found the end, expected a field ({fields}), `not` or `(`"),
        ),
        (
            "pid",
            3,
            &format!("found the end, expected an operator; `pid` allows {numbers}"),
        ),
        (
            "pid 1",
            4,
            &format!("found `1`, expected an operator; `pid` allows {numbers}"),
        ),
        (
            "pid=",
            4,
            "found the end, expected a value: a word, or text in quotes",
        ),
        (
            "pid==1",
            4,
            "found `=`, expected a value: a word, or text in quotes",
        ),
        (
            "pid=abc",
            4,
            "`abc` is no value of `pid`; allowed are whole numbers from 0 to 4294967295",
        ),
        (
            "pid=-1",
            4,
            "`-1` is no value of `pid`; allowed are whole numbers from 0 to 4294967295",
        ),
        (
            "pid=null",
            4,
            "`pid` is never null here; a text `null` needs quotes",
        ),
        (
            "local_port=65536",
            11,
            "`65536` is no value of `local_port`; allowed are whole numbers from 0 to 65535",
        ),
        (
            "pid~1",
            3,
            &format!("`pid` has no `~`; it allows {numbers}"),
        ),
        (
            "process<a",
            7,
            "`process` has no `<`; it allows =, !=, ~, !~, in (..), not in (..)",
        ),
        (
            "protocol~u",
            8,
            "`protocol` has no `~`; it allows =, !=, in (..), not in (..)",
        ),
        (
            "protocol=tpc",
            9,
            "unknown protocol `tpc`; allowed: tcp, udp, udplite, icmp, raw, sctp, packet",
        ),
        (
            "tunnel=yes",
            7,
            "`yes` is no value of `tunnel`; allowed are true and false",
        ),
        (
            "attribution=guess",
            12,
            "unknown attribution `guess`; allowed: kernel, proc, name, unknown",
        ),
        (
            "app=null",
            4,
            "`app` is never null here; a text `null` needs quotes",
        ),
        (
            "tunnel~t",
            6,
            "`tunnel` has no `~`; it allows =, !=, in (..), not in (..)",
        ),
        (
            "exe~null",
            4,
            "null is contained in nothing; for the text put it in quotes",
        ),
        (
            "remote_ip=10.0.0",
            10,
            "`10.0.0` is no address; allowed are IPv4 such as 192.0.2.1, IPv6 such as 2001:db8::1, unresolved, other and none",
        ),
        (
            "remote_ip=10.0.0.0/8",
            10,
            "`10.0.0.0/8` is a network; write `remote_ip in 10.0.0.0/8`",
        ),
        (
            "remote_ip in 10.0.0.0/33",
            13,
            "`10.0.0.0/33` is no network; allowed are an address, / and the length of the prefix, such as 10.0.0.0/8 (0 to 32) or 2001:db8::/32 (0 to 128)",
        ),
        (
            "remote_ip not 1.1.1.1",
            14,
            "found `1.1.1.1`, expected `in` after `not`",
        ),
        ("pid in (1 2)", 10, "found `2`, expected `,` or `)`"),
        (
            "pid in ()",
            8,
            "found `)`, expected a value: a word, or text in quotes",
        ),
        ("(pid=1", 6, "found the end, expected `and`, `or` or `)`"),
        ("pid=1)", 5, "`)` without `(` before it"),
        (
            "pid=1 pid=2",
            6,
            "found `pid`, expected `and`, `or` or the end",
        ),
        (
            "exe='ä' ! pid=1",
            8,
            "`!` alone means nothing; allowed: !=, !~, not",
        ),
        ("exe='ab", 4, "the quote ' that begins here has no end"),
        ("exe='ab\\", 4, "the quote ' that begins here has no end"),
    ] {
        let error = filter.parse::<Filter>().unwrap_err();
        assert_eq!(
            (error.position, &*error.message),
            (position, message),
            "{filter}"
        );
    }
    assert_eq!(
        "pid=a".parse::<Filter>().unwrap_err().to_string(),
        "cannot read the filter at character 5: `a` is no value of `pid`; allowed are whole numbers from 0 to 4294967295"
    );
}

#[test]
fn length_and_nesting_are_bounded() {
    let nested = |depth: usize| format!("{}pid=1{}", "(".repeat(depth), ")".repeat(depth));
    let history = history();
    assert_eq!(matching(&history, &nested(64)), [1]);
    let error = nested(65).parse::<Filter>().unwrap_err();
    assert_eq!(
        error.message,
        "nested too deep; allowed are 64 levels of `(` and `not`"
    );
    assert!(nested(2000).parse::<Filter>().is_err());
    assert!(
        format!("{}pid=1", "not ".repeat(1000))
            .parse::<Filter>()
            .is_err()
    );
    let error = " ".repeat(4097).parse::<Filter>().unwrap_err();
    assert_eq!(error.message, "too long; allowed are 4096 characters");
}

#[test]
fn the_longest_filters_are_answered() {
    let history = history();
    let terms = |join: &str| vec!["pid=1"; 4096 / (5 + join.len())].join(join);
    assert_eq!(matching(&history, &terms(" or ")), [1]);
    assert_eq!(matching(&history, &terms(" and ")), [1]);
    let list = format!("pid in ({})", vec!["1"; 2000].join(","));
    assert_eq!(matching(&history, &list), [1]);
}

#[test]
fn filters_from_shortcuts_compose() {
    let all = Filter::all(vec![
        Filter::equals(Field::Protocol, "tcp").unwrap(),
        "pid<3 or pid=5".parse().unwrap(),
    ]);
    let ask = |filter| {
        let query = crate::testing::everything(&[Field::Pid], Some(filter));
        history().reader().usage(&query).unwrap().rows.len()
    };
    assert_eq!(ask(all), 2);
    assert_eq!(ask(Filter::all(vec![])), 6);
    assert_eq!(
        ask(Filter::equals(Field::RemoteIp, "unresolved").unwrap()),
        1
    );
    let error = Filter::equals(Field::Pid, "abc").unwrap_err();
    assert_eq!(error.position, 0);
}

#[test]
fn values_are_never_part_of_the_statement() {
    let filter: Filter =
        "process='x) OR 1=1 --' and exe~'y''' and pid=77 and remote_ip in (9.9.9.9, ::2/127)"
            .parse()
            .unwrap();
    let mut sql = Sql::default();
    filter.compile(&mut sql);
    for value in ["x)", "1=1", "y'", "77", "9.9", "::"] {
        assert!(!sql.text.contains(value), "{value} in {}", sql.text);
    }
    assert_eq!(sql.text.matches('?').count(), sql.values.len());
}
