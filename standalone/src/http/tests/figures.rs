//! What the newer questions about the past answer.

use super::database::{SPAN, api_over_history};
use super::*;

#[tokio::test]
async fn top_has_shares_rates_and_what_the_rest_comes_to() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let path = format!("/api/v1/top?{SPAN}&group_by=process&limit=1");
    let (status, body) = get(&api, &path).await;
    assert_eq!(status, 200, "{body}");
    let row = &body["rows"][0];
    assert_eq!(
        (&row["process"], &row["sent_bytes"]),
        (&json!("curl"), &json!(110))
    );
    // 113 of 223 bytes, in two seconds.
    let share = row["share"].as_f64().unwrap();
    assert!((share - 113.0 / 223.0).abs() < 1e-9, "{share}");
    assert_eq!(row["sent_bytes_per_second"], 55.0);
    assert_eq!(
        body["rest"],
        json!({ "sent_bytes": 45, "received_bytes": 65 })
    );
    let (_, by_protocol) = get(&api, &format!("/api/v1/top?{SPAN}&group_by=protocol")).await;
    let packet = &by_protocol["rows"][0];
    assert_eq!(
        (&packet["protocol"], &packet["share"]),
        (&json!("packet"), &Value::Null)
    );
    assert_eq!(
        by_protocol["rest"],
        json!({ "sent_bytes": 0, "received_bytes": 0 })
    );
}

#[tokio::test]
async fn remotes_come_page_by_page() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let path = format!("/api/v1/remotes?{SPAN}&limit=3");
    let (status, first) = get(&api, &path).await;
    assert_eq!(status, 200, "{first}");
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, last) = get(&api, &format!("{path}&cursor={cursor}")).await;
    let told: Vec<_> = [&first, &last]
        .into_iter()
        .flat_map(|page| page["remotes"].as_array().unwrap())
        .map(|row| {
            (
                row["remote_ip"].as_str().unwrap(),
                row["apps"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [("10.0.0.1", 1), ("9.9.9.9", 1), ("10.0.0.2", 1), ("::1", 1)];
    assert_eq!(told, expected);
    assert_eq!(last["next_cursor"], Value::Null);
}

#[tokio::test]
async fn days_are_those_of_the_time_zone_and_carriers_get_their_figures() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    // 1700000000 is 14 November 2023, 22:13:20 UTC.
    for (zone, date) in [
        ("UTC", "2023-11-14"),
        ("Europe/Berlin", "2023-11-14"),
        ("Asia/Tokyo", "2023-11-15"),
    ] {
        let path = format!("/api/v1/calendar?{SPAN}&time_zone={zone}");
        let (status, body) = get(&api, &path).await;
        assert_eq!(status, 200, "{body}");
        let point = &body["series"][0]["points"][0];
        assert_eq!(
            (&point["date"], &point["sent_bytes"]),
            (&json!(date), &json!(155))
        );
    }
    let (status, body) = get(&api, &format!("/api/v1/percentile?{SPAN}&percent=99")).await;
    assert_eq!((status, &body["percent"]), (200, &json!(99)), "{body}");
    let (status, body) = get(&api, "/api/v1/estimate?step=week&time_zone=UTC").await;
    assert_eq!(status, 200, "{body}");
    for (path, parameter) in [
        ("calendar?step=year", "step"),
        ("calendar?time_zone=Mars/Olympus", "time_zone"),
        ("calendar?month_start_day=29", "month_start_day"),
        ("percentile?percent=0", "percent"),
        ("estimate?since=-1h", "since"),
        ("top?cursor=1", "cursor"),
        ("remotes?order_by=app", "order_by"),
        ("export?format=xml", "format"),
        ("config?x=1", "x"),
    ] {
        let (status, body) = get(&api, &format!("/api/v1/{path}")).await;
        assert_eq!(
            (status, &body["error"]["parameter"]),
            (400, &json!(parameter)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_export_has_each_byte_once_and_says_that_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let api = api_over_history(directory.path()).await;
    let lines = get_with(&api, &format!("/api/v1/export?{SPAN}"), &[]).await;
    assert_eq!(lines.headers()["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = std::str::from_utf8(lines.body())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sent: u64 = lines
        .iter()
        .filter(|line| line["record"] == "usage")
        .filter_map(|line| line["sent_bytes"].as_u64())
        .sum();
    assert_eq!(sent, 155);
    assert_eq!(
        (&lines[0]["record"], &lines[lines.len() - 1]["record"]),
        (&json!("begin"), &json!("end"))
    );
    let table = get_with(
        &api,
        &format!("/api/v1/export?{SPAN}&format=csv&process=curl"),
        &[],
    )
    .await;
    assert_eq!(
        std::str::from_utf8(table.body()).unwrap().lines().count(),
        3
    );
}

#[tokio::test]
async fn an_export_that_cannot_begin_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let api = bound_to_loopback(ApiState {
        database: Some(directory.path().join("absent.db")),
        ..state()
    });
    assert_eq!(get(&api, "/api/v1/export").await.0, 503);
    let (_, health) = get(&api, "/api/v1/health").await;
    assert_eq!(health["api"]["failed_exports"], 1);
}
