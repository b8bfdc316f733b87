//! The baseline for every function: the runtime and a constant response.

use std::future::ready;

use lambda_http::Error;

fn main() -> Result<(), Error> {
    baselines::run(ready(Ok(())), |_nothing| ready(Ok(baselines::constant())))
}
