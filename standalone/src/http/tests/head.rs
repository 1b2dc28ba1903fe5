//! HEAD, through a real connection: what leaves the body out is the server below warp.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test]
async fn the_head_of_what_answers_get_comes_without_its_body() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(network(listener), state(), stopped.map(|_| ())));
    for (path, status) in [
        ("/", "200 OK"),
        ("/api/v1/health", "200 OK"),
        ("/api/v1/live", "200 OK"),
        ("/metrics", "200 OK"),
        ("/nowhere", "404 Not Found"),
    ] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request =
            format!("HEAD {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut seen = String::new();
        client.read_to_string(&mut seen).await.unwrap();
        let (first, rest) = seen.split_once("\r\n").unwrap();
        assert_eq!(first, format!("HTTP/1.1 {status}"), "{path}");
        let (_headers, body) = rest.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
    }
    stop.send(()).unwrap();
    serving.await.unwrap();
}
