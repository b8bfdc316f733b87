//! A function for the tests that uses AWS's own runtime. It responds with the request as parsed by
//! `lambda_http`.

#![expect(clippy::print_stdout, reason = "the tests read the function's output")]

use lambda_http::{Body, Error, IntoResponse, Request, RequestExt as _, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::spawn_graceful_shutdown_handler(|| async { println!("closed in time") }).await;
    lambda_http::run_concurrent(service_fn(handle)).await
}

async fn handle(request: Request) -> Result<impl IntoResponse, Error> {
    let cookies = request.headers().get("cookie").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query: Vec<&str> = request.query_string_parameters_ref().and_then(|query| query.all("q")).unwrap_or_default();
    let text = format!(
        "{} {} id={} q={} cookies={cookies} body={:?}",
        request.method(),
        request.uri().path(),
        request.path_parameters().first("id").unwrap_or("-"),
        query.join("|"),
        request.body().as_ref(),
    );
    let response = Response::builder()
        .header("set-cookie", "a=1; Path=/")
        .header("set-cookie", "b=2")
        .header("content-type", "application/octet-stream")
        .body(Body::Binary(text.into_bytes()))?;
    Ok(response)
}
