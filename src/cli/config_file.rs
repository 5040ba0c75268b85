//! The option that names the configuration file.

use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct ConfigFile {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "/etc/weir/weir.toml")]
    pub(super) config: PathBuf,
}
