//! Words in, exit code out: the only place that ends the process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    std::process::exit(weir::cli::run(std::env::args_os()));
}
