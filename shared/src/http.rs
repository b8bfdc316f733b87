//! Between the events of API Gateway (payload format 2.0) and the words of the domain.

mod problem;
mod reply;
mod request;
mod status;

pub use self::problem::Problem;
pub(crate) use self::reply::Facts;
pub use self::reply::Reply;
pub use self::request::Request;
