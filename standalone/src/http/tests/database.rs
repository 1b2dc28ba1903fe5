//! The past, from a file that the real sink wrote.

use std::path::Path;

use nettally_source::{SinkConfig as _, SinkContext, UsageBatch};
use nettally_sqlite_sink::SqliteConfig;

use super::*;

async fn store(path: &Path, batches: Vec<UsageBatch>) {
    let config = SqliteConfig {
        path: Some(path.to_owned()),
        ..SqliteConfig::default()
    };
    let context = SinkContext {
        key: "history".into(),
    };
    let (sink, _healthcheck) = config.build(context).await.unwrap();
    let events = batches
        .into_iter()
        .map(|batch| Event::Usage(Arc::new(batch)));
    sink.run(stream::iter(events).boxed()).await.unwrap();
}

/// Two seconds of curl (TCP, twice), dns (UDP) and a strange name; and a sniffer of the first.
pub(super) async fn api_over_history(directory: &Path) -> Arc<Api> {
    let path = directory.join("test.db");
    let mut dns = flow("dns", 8, "9.9.9.9", 40, 60);
    dns.protocol = nettally_source::Protocol::Udp;
    let batches = vec![
        batch(
            0,
            vec![
                flow("curl", 7, "10.0.0.1", 100, 1),
                dns,
                frames("tcpdump", 10, 0, 900),
            ],
        ),
        batch(
            1,
            vec![
                flow("curl", 7, "10.0.0.2", 10, 2),
                flow("a\"'b", 9, "::1", 5, 5),
            ],
        ),
    ];
    store(&path, batches).await;
    let database = Some(path);
    bound_to_loopback(ApiState {
        database,
        ..state()
    })
}

pub(super) const SPAN: &str = "since=1700000000&until=1700000002";

#[tokio::test]
async fn usage_is_exact_to_the_byte_and_shortcuts_narrow_it() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    for (query, sent, received) in [
        ("", 155, 68),
        ("process=curl", 110, 3),
        ("pid=8", 40, 60),
        ("protocol=udp", 40, 60),
        ("protocol=packet", 0, 900),
        ("remote_ip=none&protocol=packet", 0, 900),
        ("protocol=icmp", 0, 0),
        ("where=not+protocol=udp", 115, 908),
        ("remote_ip=10.0.0.2", 10, 2),
        ("remote_ip=10.0.0.0/8", 110, 3),
        ("process=a%22'b", 5, 5),
        ("where=process~CUR+or+pid=8&protocol=tcp", 110, 3),
        ("process=nobody", 0, 0),
    ] {
        let (status, body) = get(&api, &format!("/api/v1/usage?{SPAN}&{query}")).await;
        let total = json!({ "sent_bytes": sent, "received_bytes": received });
        assert_eq!((status, &body["total"]), (200, &total), "{query}");
    }
}

#[tokio::test]
async fn an_answer_says_what_is_in_none_of_its_totals() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let outside = json!({ "protocol": "packet", "sent_bytes": 0, "received_bytes": 900 });
    for (path, expected) in [
        ("usage", &outside),
        ("usage?group_by=protocol", &outside),
        ("usage?process=curl", &Value::Null),
        ("usage?protocol=packet", &Value::Null),
        ("series", &outside),
        ("processes", &outside),
        ("series?protocol=tcp", &Value::Null),
    ] {
        let sign = if path.contains('?') { '&' } else { '?' };
        let step = if path.starts_with("series") {
            "&step=1s"
        } else {
            ""
        };
        let (status, body) = get(&api, &format!("/api/v1/{path}{sign}{SPAN}{step}")).await;
        assert_eq!((status, &body["outside_total"]), (200, expected), "{path}");
    }
}

#[tokio::test]
async fn rows_come_in_order_and_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let query = format!("/api/v1/usage?{SPAN}&group_by=process&order_by=sent_bytes:asc&limit=2");
    let (_, first) = get(&api, &query).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, last) = get(&api, &format!("{query}&cursor={cursor}")).await;
    let names: Vec<_> = [&first, &last]
        .into_iter()
        .flat_map(|page| page["rows"].as_array().unwrap())
        .map(|row| row["process"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a\"'b", "dns", "curl"]);
    assert_eq!(last["next_cursor"], Value::Null);
}

#[tokio::test]
async fn processes_come_with_all_that_is_known_of_them_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let known = super::live::well_known(flow("firefox", 11, "10.0.0.1", 5, 700));
    store(
        &path,
        vec![batch(0, vec![known, flow("curl", 7, "10.0.0.2", 10, 2)])],
    )
    .await;
    let api = bound_to_loopback(ApiState {
        database: Some(path),
        ..state()
    });
    let query = format!("/api/v1/processes?{SPAN}&limit=1");
    let (status, first) = get(&api, &query).await;
    assert_eq!(status, 200, "{first}");
    let process = &first["processes"][0];
    for (field, expected) in [
        ("process", json!("firefox")),
        ("app", json!("firefox")),
        ("pid", json!(11)),
        ("parents", json!([{ "pid": 1, "name": "systemd" }])),
        ("unit", json!("app-gnome-firefox-4711.scope")),
        ("container", json!("podman:web")),
        ("attribution", json!("kernel")),
        ("received_bytes", json!(700)),
        ("first_seen", json!("2023-11-14T22:13:20Z")),
    ] {
        assert_eq!(process[field], expected, "{field}");
    }
    let total = json!({ "sent_bytes": 15, "received_bytes": 702 });
    assert_eq!(first["total"], total);
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, last) = get(&api, &format!("{query}&cursor={cursor}")).await;
    assert_eq!(last["processes"][0]["process"], "curl");
    assert_eq!(
        (&last["total"], &last["next_cursor"]),
        (&total, &Value::Null)
    );
    let (_, one) = get(
        &api,
        &format!("/api/v1/processes?{SPAN}&container=podman:web"),
    )
    .await;
    assert_eq!(one["processes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn processes_can_be_ordered_by_whatever_is_said_to_be_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    for field in super::processes::FIELDS {
        let path = format!("/api/v1/processes?{SPAN}&order_by={field}");
        let (status, body) = get(&api, &path).await;
        assert_eq!(status, 200, "{field}: {body}");
    }
}

#[tokio::test]
async fn the_next_page_goes_on_where_the_last_ended_while_usage_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    // Until now: what arrives between two pages is within the range that was asked for.
    let query = "/api/v1/usage?since=1700000000&group_by=process&limit=2";
    let (_, first) = get(&api, query).await;
    let late = flow("late", 10, "10.0.0.3", 9_999, 9_999);
    store(
        &directory.path().join("test.db"),
        vec![batch(2, vec![late])],
    )
    .await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, last) = get(&api, &format!("{query}&cursor={cursor}")).await;
    let names: Vec<_> = [&first, &last]
        .into_iter()
        .flat_map(|page| page["rows"].as_array().unwrap())
        .map(|row| row["process"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["curl", "dns", "a\"'b"]);
    assert_eq!(first["total"], last["total"]);
    let (_, anew) = get(&api, query).await;
    assert_eq!(anew["rows"][0]["process"], "late");
}

#[tokio::test]
async fn a_series_has_a_point_for_each_step_with_traffic() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let path = format!("/api/v1/series?{SPAN}&step=1s&group_by=process&process=curl");
    let (status, body) = get(&api, &path).await;
    let points = json!([
        { "start": "2023-11-14T22:13:20Z", "sent_bytes": 100, "received_bytes": 1 },
        { "start": "2023-11-14T22:13:21Z", "sent_bytes": 10, "received_bytes": 2 },
    ]);
    assert_eq!((status, &body["series"][0]["points"]), (200, &points));
    assert_eq!(body["step_secs"], 1);
}

#[tokio::test]
async fn health_tells_how_large_the_file_is() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let (_, body) = get(&api, "/api/v1/health").await;
    assert_eq!(body["database"]["flushed_until"], "2023-11-14T22:13:22Z");
    assert!(body["database"]["size_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_missing_or_broken_file_is_said_and_the_rest_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let api = bound_to_loopback(ApiState {
        database: Some(path.clone()),
        ..state()
    });
    let (status, body) = get(&api, "/api/v1/usage").await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (503, &json!("no_database"))
    );
    std::fs::write(&path, "no database at all, but long enough to look at").unwrap();
    let (status, body) = get(&api, "/api/v1/usage").await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (500, &json!("database_failed"))
    );
    let (status, body) = get(&api, "/api/v1/health").await;
    assert!(body["database"]["error"].is_string());
    assert_eq!(status, 200);
}
