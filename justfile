# The daily commands. `just` lists them; each is one line you can also type.

_list:
    @just --list

# Build and run the demo: world, feed, service.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Every test, in the profile that CI uses.
test *ARGS:
    cargo test --profile ci {{ARGS}}

# What CI refuses: format, lints, docs.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Everything CI does.
ci:
    .ci/run

# The benches of a crate: `just bench candidate-pipeline`.
bench CRATE *ARGS:
    cargo bench -p {{CRATE}} {{ARGS}}

# Licences, sources, duplicate versions.
deny:
    cargo deny check licenses bans sources

# Write the references in docs/ again, from the binary.
docs:
    UPDATE_DOCS=1 cargo test --profile ci -p foryou --test cli reference

# Write the snapshots of what people read again. Read their difference before you commit it.
snapshots:
    INSTA_UPDATE=always cargo test --profile ci -p foryou --test cli snapshots
    INSTA_UPDATE=always cargo test --profile ci -p experiments snapshots
