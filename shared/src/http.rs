//! Between the events of API Gateway (payload format 2.0) and the words of the domain.

mod negotiation;
mod problem;
mod request;
mod response;
mod status;

pub use self::problem::Problem;
pub use self::request::Request;
pub use self::response::Response;
pub(crate) use self::response::ResponseContext;
