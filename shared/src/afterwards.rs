//! What need not be done before the answer.

use std::future::Future;

/// Does bounded work once the reply is on its way, so that nobody waits for it. The environment is not frozen before it asks for the next
/// event, so that what does not wait for anybody else is done by then; what does may be frozen, and must bear it.
pub(crate) fn afterwards(work: impl Future<Output = ()> + Send + 'static) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts what may outlive a reply; each use is bounded"
    )]
    tokio::spawn(async move {
        // Whatever else is ready goes first: the connection that carries the reply.
        tokio::task::yield_now().await;
        work.await;
    });
}
