//! A feed of products, which knows nothing of posts, made of the kit's components.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod products;
mod shop;
