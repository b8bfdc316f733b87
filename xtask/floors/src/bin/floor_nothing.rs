//! The floor under every function: the runtime, and a constant answer.

use std::future::ready;

use lambda_http::Error;

fn main() -> Result<(), Error> {
    floors::run(ready(Ok(())), |_nothing| ready(Ok(floors::constant())))
}
