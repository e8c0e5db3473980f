//! Connecting, deadlines, retries and errors. tonic reads no service config, so what other
//! languages say there stands here.

use std::error::Error;
use std::time::Duration;

use tonic::service::{Interceptor, interceptor::InterceptedService};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, GrpcMethod, Request, Response, Status, TimeoutExpired};
use tonic_types::StatusExt;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 4;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(2);

/// What clients of stores are made of: `ProductStoreClient::new(gateway.clone())`. Clones
/// share one connection.
pub type Gateway = InterceptedService<Channel, Deadline>;

/// Connects with the first call, and again whenever the connection was lost. `target` is
/// "host:port". Called within a tokio runtime.
pub fn connect(target: &str) -> Result<Gateway, tonic::transport::Error> {
    let channel = Endpoint::from_shared(format!("http://{target}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        // Finds out that the other side is gone without a word, within half a minute.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_lazy();
    Ok(InterceptedService::new(channel, Deadline(DEADLINE)))
}

/// Gives calls a deadline that have none (`Request::set_timeout`), but for streams.
/// Endpoint::timeout would not do: the server does not hear of it.
#[derive(Clone)]
pub struct Deadline(pub Duration);

impl Interceptor for Deadline {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let method = request.extensions().get::<GrpcMethod>();
        let streams = method.is_some_and(|method| method.method().starts_with("Stream"));
        if !streams && !request.metadata().contains_key("grpc-timeout") {
            request.set_timeout(self.0);
        }
        Ok(request)
    }
}

/// Calls until something else than "unavailable" is answered, four times at most. For what
/// is safe to repeat alone: Get, BatchGet, List, Stream. A write that was not answered may
/// have been done.
///
/// ```text
/// let shoe = read(async || products.clone().get_product(request.clone()).await).await?;
/// ```
pub async fn read<T>(call: impl AsyncFn() -> Result<Response<T>, Status>) -> Result<T, Status> {
    let mut backoff = FIRST_BACKOFF;
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(status) if is_unavailable(&status) => tokio::time::sleep(backoff).await,
            answer => return answer.map(Response::into_inner),
        }
        backoff = (backoff * 2).min(LAST_BACKOFF);
    }
    call().await.map(Response::into_inner)
}

/// Whether the gateway or its database could not be reached. Where a connection breaks
/// under a call, tonic says UNKNOWN or CANCELLED; a gateway's own have no source.
pub fn is_unavailable(status: &Status) -> bool {
    let local = matches!(status.code(), Code::Unknown | Code::Cancelled);
    let broken = local && status.source().is_some() && !is_late(status);
    status.code() == Code::Unavailable || broken
}

/// Whether the deadline passed. Where tonic notices first, it says CANCELLED.
pub fn is_late(status: &Status) -> bool {
    let mut causes = std::iter::successors(status.source(), |&cause| cause.source());
    status.code() == Code::DeadlineExceeded || causes.any(|cause| cause.is::<TimeoutExpired>())
}

/// The reason of an error, such as "ETAG_MISMATCH"; empty where it came from elsewhere.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// What is wrong with a request: fields and descriptions.
pub fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let Some(bad_request) = details.bad_request() else {
        return Vec::new();
    };
    let both = bad_request.field_violations.iter();
    both.map(|violation| (violation.field.clone(), violation.description.clone())).collect()
}
