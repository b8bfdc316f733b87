//! `GET /health`.

use api_tests::Kai;

#[tokio::test]
async fn a_whole_service_is_healthy_and_open_to_everybody() {
    let kai = Kai::shared().await;
    let reply = kai.anonymous().get("/health").await;
    let body = reply.good();
    assert_eq!((reply.status, &body["status"]), (200, &"healthy".into()));
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-cache"), None);
}
