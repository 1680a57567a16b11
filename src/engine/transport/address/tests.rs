use super::*;

#[tokio::test]
async fn a_silent_connection_is_tried() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stream = tcp("127.0.0.1", port).await.unwrap();
    assert_eq!(sockopt::socket_keepalive(&stream), Ok(true));
    assert_eq!(sockopt::tcp_keepidle(&stream), Ok(KEEP_ALIVE));
    assert_eq!(sockopt::tcp_keepintvl(&stream), Ok(KEEP_ALIVE));
    assert_eq!(sockopt::tcp_keepcnt(&stream), Ok(3));
}
