//! Who may ask: the token, the session, the Unix socket.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};

use super::*;

const TOKEN: &str = "0123456789abcdef";

fn with_token() -> Arc<Api> {
    bound_to_loopback(ApiState {
        token: Token::new(TOKEN),
        ..state()
    })
}

#[tokio::test]
async fn figures_need_the_token_and_the_page_itself_does_not() {
    let api = with_token();
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let cookie = |token: &str| ("cookie", format!("a=b; nettally_token={token}"));
    for (header, status) in [
        (("accept", "*/*".to_owned()), 401),
        (bearer(TOKEN), 200),
        (("authorization", format!("bearer {TOKEN}")), 200),
        (bearer("0123456789abcdeg"), 401),
        (bearer(""), 401),
        (("authorization", format!("Basic {TOKEN}")), 401),
        (cookie(TOKEN), 200),
        (cookie("0123456789abcde"), 401),
    ] {
        for path in ["/api/v1/health", "/metrics"] {
            let answer = get_with(&api, path, &[(header.0, &header.1)]).await;
            assert_eq!(answer.status(), status, "{path} with {header:?}");
        }
    }
    let refused = get_with(&api, "/api/v1/usage", &[]).await;
    let body: Value = serde_json::from_slice(refused.body()).unwrap();
    assert_eq!(body["error"]["code"], "token_required");
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(get_with(&api, "/", &[]).await.status(), 200);
}

async fn open_session(api: &Arc<Api>, token: &str) -> Response<Bytes> {
    warp::test::request()
        .method("POST")
        .path("/api/v1/session")
        .header("host", "localhost")
        .body(token)
        .reply(&routes::routes(Arc::clone(api), Origin::Network))
        .await
}

#[tokio::test]
async fn a_browser_gives_the_token_once() {
    let api = with_token();
    assert_eq!(open_session(&api, "wrong").await.status(), 401);
    let opened = open_session(&api, TOKEN).await;
    assert_eq!(opened.status(), 204);
    let cookie = opened.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"));
    let (cookie, _attributes) = cookie.split_once(';').unwrap();
    let answer = get_with(&api, "/api/v1/health", &[("cookie", cookie)]).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn whoever_may_open_the_socket_needs_neither_token_nor_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nettally.sock");
    let doors = Doors {
        network: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        socket: Some(SocketFile::listen(&path).unwrap()),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let state = ApiState {
        token: Token::new(TOKEN),
        ..state()
    };
    let serving = tokio::spawn(serve(doors, state, stopped.map(|_| ())));
    let mut client = UnixStream::connect(&path).await.unwrap();
    let request = b"GET /api/v1/health HTTP/1.1\r\nHost: nettally\r\nConnection: close\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(!path.exists());
}
