//! Health and the present.

use nettally_source::{Attribution, Container, Parent, Process, Runtime, Usage, UsageBatch};

use super::*;

/// The events of a finished stream: name and data.
fn events(body: &Bytes) -> Vec<(String, Value)> {
    std::str::from_utf8(body)
        .unwrap()
        .split("\n\n")
        .filter(|block| block.contains("data:"))
        .map(|block| {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap()
            };
            let data = serde_json::from_str(field("data:")).unwrap();
            (field("event:").to_owned(), data)
        })
        .collect()
}

#[tokio::test]
async fn the_first_event_is_a_snapshot_even_before_the_first_window() {
    let state = state();
    feed(&state.live, vec![]).await;
    let response = get_with(&bound_to_loopback(state), "/api/v1/live", &[]).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (name, data) = events(response.body()).remove(0);
    assert_eq!((name.as_str(), &data["window"]), ("snapshot", &Value::Null));
    assert_eq!(data["health"]["status"], "starting");
}

#[tokio::test]
async fn a_snapshot_tells_who_moved_what() {
    let state = state();
    let mut curl = flow("curl", 7, "10.0.0.1", 1_000, 50);
    let first = batch(0, vec![curl.clone()]);
    curl.protocol = nettally_source::Protocol::Udp;
    let second = batch(1, vec![curl, flow("curl", 7, "10.0.0.2", 1, 2)]);
    let usage = |batch| Event::Usage(Arc::new(batch));
    let report = Event::Health(Arc::new(health()));
    feed(&state.live, vec![report, usage(first), usage(second)]).await;
    let response = get_with(&bound_to_loopback(state), "/api/v1/live", &[]).await;
    let (_, data) = events(response.body()).remove(0);
    assert_eq!(data["health"]["status"], "ok");
    assert_eq!(
        data["since_start"],
        json!({ "sent_bytes": 2001, "received_bytes": 102 })
    );
    let expected = json!([{
        "id": "7-7000-0",
        "process": "curl",
        "app": "curl",
        "pid": 7,
        "exe": "/usr/bin/curl",
        "user": "ada",
        "sent_bytes": 1001,
        "received_bytes": 52,
        "sent_bytes_per_second": 1001.0,
        "received_bytes_per_second": 52.0,
        "protocols": {
            "tcp": {
                "sent_bytes": 1,
                "received_bytes": 2,
                "total": { "sent_bytes": 1001, "received_bytes": 52 },
                "recent": [[1000, 50], [1, 2]],
            },
            "udp": {
                "sent_bytes": 1000,
                "received_bytes": 50,
                "total": { "sent_bytes": 1000, "received_bytes": 50 },
                "recent": [[0, 0], [1000, 50]],
            },
        },
        "remotes": 2,
        "total": { "sent_bytes": 2001, "received_bytes": 102 },
        "since": "2023-11-14T22:13:20Z",
        "identity": { "attribution": "unknown" },
    }]);
    assert_eq!(data["processes"], expected);
}

#[tokio::test]
async fn an_event_says_what_is_in_none_of_its_totals() {
    let outside = async |usage: Vec<nettally_source::Usage>| {
        let state = state();
        let event = Event::Usage(Arc::new(batch(0, usage)));
        feed(&state.live, vec![event]).await;
        let response = get_with(&bound_to_loopback(state), "/api/v1/live", &[]).await;
        let (_, data) = events(response.body()).remove(0);
        assert_eq!(
            (&data["sent_bytes"], &data["received_bytes"]),
            (&json!(10), &json!(1))
        );
        data["outside_total"].clone()
    };
    let curl = flow("curl", 7, "10.0.0.1", 10, 1);
    assert_eq!(outside(vec![curl.clone()]).await, json!(null));
    assert_eq!(
        outside(vec![curl, frames("tcpdump", 8, 0, 900)]).await,
        json!({
            "protocol": "packet", "sent_bytes": 0, "received_bytes": 900,
            "since_start": { "sent_bytes": 0, "received_bytes": 900 },
        })
    );
}

#[tokio::test]
async fn a_full_flow_table_degrades_though_totals_are_exact() {
    let mut report = health();
    let count = LossCount {
        events: 1,
        ..LossCount::default()
    };
    report.losses.add(LossReason::FlowsFull, count);
    let state = state();
    feed(&state.live, vec![Event::Health(Arc::new(report))]).await;
    let (_, body) = get(&bound_to_loopback(state), "/api/v1/health").await;
    assert_eq!(body["status"], "degraded");
    let loss = &body["losses"]["flows_full"];
    assert_eq!(loss["class"], "detail");
    assert_eq!(loss["meaning"], LossReason::FlowsFull.meaning());
    assert!(
        loss["remedy"]
            .as_str()
            .unwrap()
            .contains("flow_table_entries")
    );
}

/// The body of a stream that begins with a snapshot of nothing and sees one window after another.
async fn followed(windows: Vec<UsageBatch>) -> Bytes {
    let state = state();
    let live = Arc::clone(&state.live);
    let api = bound_to_loopback(state);
    let (mut sender, receiver) = futures::channel::mpsc::channel(1);
    let streams = &api.streams;
    let reading = get_with(&api, "/api/v1/live", &[]);
    let feeding = async {
        let sink = live.sink();
        let running = sink.run(receiver.boxed());
        let sending = async move {
            // The reader has subscribed once it holds a permit.
            while streams.available_permits() == 64 {
                tokio::task::yield_now().await;
            }
            for window in windows {
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                let event = Event::Usage(Arc::new(window));
                futures::SinkExt::send(&mut sender, event).await.unwrap();
            }
        };
        let (run, ()) = futures::join!(running, sending);
        run.unwrap();
    };
    let (response, ()) = futures::join!(reading, feeding);
    response.into_body()
}

#[tokio::test]
async fn windows_follow_the_snapshot_as_they_come() {
    let window = batch(0, vec![flow("curl", 7, "10.0.0.1", 5, 0)]);
    let names: Vec<_> = events(&followed(vec![window]).await)
        .into_iter()
        .map(|(name, data)| (name, data["sent_bytes"].clone()))
        .collect();
    let expected = [
        ("snapshot".to_owned(), json!(0)),
        ("window".to_owned(), json!(5)),
    ];
    assert_eq!(names, expected);
}

/// What is known of a process of a desktop.
pub(super) fn well_known(usage: Usage) -> Usage {
    let process = Process {
        app: "firefox".to_owned(),
        command_line: Some(format!(
            "/usr/lib/firefox/firefox {}",
            "-contentproc ".repeat(20)
        )),
        gid: Some(1000),
        parents: vec![Parent {
            pid: 1,
            name: "systemd".to_owned(),
        }],
        unit: Some("app-gnome-firefox-4711.scope".to_owned()),
        container: Some(Container {
            runtime: Runtime::Podman,
            id: "web".to_owned(),
        }),
        cgroup: Some(format!(
            "/user.slice/{}",
            "user@1000.service/app.slice/".repeat(2)
        )),
        network_namespace: Some(4_026_531_840),
        attribution: Attribution::Kernel,
        ..(*usage.process).clone()
    };
    Usage {
        process: Arc::new(process),
        ..usage
    }
}

#[tokio::test]
async fn who_a_process_is_comes_with_its_first_window_alone() {
    let window = |second| {
        let flows = (0..500).map(|pid| well_known(flow("firefox", pid, "10.0.0.1", 5, 700)));
        batch(second, flows.collect())
    };
    let body = followed(vec![window(0), window(1)]).await;
    let told: Vec<_> = events(&body)
        .into_iter()
        .map(|(_, data)| data["processes"][0]["identity"].clone())
        .collect();
    let identity = &told[1];
    assert_eq!(identity["unit"], "app-gnome-firefox-4711.scope");
    assert_eq!(identity["container"], "podman:web");
    assert_eq!(
        identity["parents"],
        json!([{ "pid": 1, "name": "systemd" }])
    );
    assert_eq!(identity["attribution"], "kernel");
    assert_eq!((&told[0], &told[2]), (&json!(null), &json!(null)));

    // A window of a busy machine, again and again, is not longer for what is known.
    let sizes: Vec<_> = std::str::from_utf8(&body)
        .unwrap()
        .split("\n\n")
        .map(str::len)
        .collect();
    let per_process = sizes[2] / 500;
    assert!(per_process < 450, "{per_process} bytes");
    assert!(sizes[1] > 2 * sizes[2], "{sizes:?}");
}

#[tokio::test]
async fn strange_names_arrive_unchanged() {
    let names = [
        "</script><b>",
        "a\"b\\c",
        "\u{1b}[31mred\u{7}\n",
        "\u{202e}evil",
        "né ☃",
    ];
    let rows = (0u32..)
        .zip(names)
        .map(|(pid, name)| flow(name, pid, "10.0.0.1", 1, 0))
        .collect();
    let state = state();
    feed(&state.live, vec![Event::Usage(Arc::new(batch(0, rows)))]).await;
    let response = get_with(&bound_to_loopback(state), "/api/v1/live", &[]).await;
    let (_, data) = events(response.body()).remove(0);
    let shown: Vec<_> = (0..names.len())
        .map(|index| data["processes"][index]["process"].as_str().unwrap())
        .collect();
    assert_eq!(shown, names);
}

#[tokio::test]
async fn streams_beyond_the_bound_are_told_to_come_back() {
    let api = bound_to_loopback(state());
    let _all = Arc::clone(&api.streams).try_acquire_many_owned(64).unwrap();
    let (status, body) = get(&api, "/api/v1/live").await;
    assert_eq!((status, &body["error"]["code"]), (503, &json!("busy")));
}

#[tokio::test]
async fn remotes_of_a_process_now() {
    let state = state();
    let rows = vec![
        flow("curl", 7, "10.0.0.1", 5, 6),
        flow("wget", 8, "10.0.0.2", 9, 9),
    ];
    feed(&state.live, vec![Event::Usage(Arc::new(batch(0, rows)))]).await;
    let api = bound_to_loopback(state);
    let (status, body) = get(&api, "/api/v1/live/remotes?process=curl&pid=7").await;
    let rows = json!([{
        "protocol": "tcp",
        "remote_ip": "10.0.0.1",
        "remote_port": 443,
        "sent_bytes": 5,
        "received_bytes": 6,
        "recent": { "sent_bytes": 5, "received_bytes": 6 },
    }]);
    assert_eq!((status, &body["rows"]), (200, &rows));
    let (_, with_history) = get(&api, "/api/v1/live/remotes?process=curl&history=true").await;
    assert_eq!(with_history["rows"][0]["history"], json!([[5, 6]]));
    let (_, of_app) = get(&api, "/api/v1/live/remotes?app=curl").await;
    assert_eq!(of_app["rows"], rows);
}

#[tokio::test]
async fn health_names_what_is_missed_and_lost() {
    let mut state = state();
    state.roster = Roster::of(Vec::new(), vec![Arc::new(LossySink)]);
    feed(
        &state.live,
        vec![Event::Health(Arc::new(degraded_health()))],
    )
    .await;
    let (status, body) = get(&bound_to_loopback(state), "/api/v1/health").await;
    assert_eq!((status, &body["status"]), (200, &json!("degraded")));
    assert_eq!(body["backend"], "tracepoint");
    assert_eq!(body["kernel"], "6.18.0");
    assert_eq!(body["degradations"][0]["code"], "cgroup_hooks_missing");
    assert_eq!(body["losses"]["flows_full"]["sent_bytes"], 100);
    assert_eq!(body["losses"]["sink_failed"]["events"], 1);
    assert_eq!(body["losses"]["flows_full"]["class"], "detail");
    let program = json!({
        "hook": "sock_send_length", "runs": 0, "run_time_ns": 0, "recursion_misses": 0,
        "instructions": 1234, "memory_bytes": 20480,
    });
    assert_eq!(body["programs"], json!([program]));
    assert_eq!(body["sources"][0]["load_ms"], 38.5);
    let reason = LossReason::SinkFailed;
    let losses = json!({ "sink_failed": {
        "events": 1, "sent_bytes": 0, "received_bytes": 0,
        "class": "delivery", "meaning": reason.meaning(), "remedy": reason.remedy(),
    } });
    let sink = json!({ "name": "history", "rows": 3, "losses": losses });
    assert_eq!(body["sinks"], json!([sink]));
    assert_eq!(body["database"], Value::Null);
    assert!(body["uptime_secs"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_loss_of_detail_is_shown_and_does_not_degrade() {
    let mut report = health();
    let count = LossCount {
        events: 1,
        ..LossCount::default()
    };
    report.losses.add(LossReason::RemoteUnresolved, count);
    let state = state();
    feed(&state.live, vec![Event::Health(Arc::new(report))]).await;
    let (_, body) = get(&bound_to_loopback(state), "/api/v1/health").await;
    assert_eq!(body["status"], "ok");
    assert_eq!(body["losses"]["remote_unresolved"]["events"], 1);
}
