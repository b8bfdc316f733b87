//! Tests of `GET /health`.

use api_tests::{Response, TestApp};

#[tokio::test]
async fn a_working_service_reports_healthy_without_authentication() {
    let app = TestApp::shared().await;
    let response = app.anonymous().get("/health").until("healthy response", Response::is_healthy).await;
    let body = response.expect_success();
    assert_eq!((response.status, &body["status"]), (200, &"healthy".into()));
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-cache"), None);
}
