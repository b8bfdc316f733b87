//! Conversion between events of API Gateway (payload format 2.0) and the types of the domain.

mod errors;
mod negotiation;
mod problem;
mod request;
mod response;

pub use self::errors::{ERRORS, ErrorKind};
pub use self::problem::Problem;
pub use self::request::Request;
pub use self::response::Response;
pub(crate) use self::response::ResponseContext;
