//! Which files of a node are read, by their names.

use std::path::Path;

/// The ends of the names of templates of Puppet, Chef and Ansible.
pub(crate) const TEMPLATES: [&str; 3] = ["erb", "epp", "j2"];

/// What a place without a node is answered by.
pub(super) const WHAT_TO_NAME: &str =
    "name a node's conf directory, the home of its product, or a tar archive of either";

/// The ends of the names of files with datasources.
pub(super) const DATASOURCES: &str = "-datasources.xml";

/// The files that are read of a node, by their names.
const NAMES: [&str; 14] = [
    "axis2.xml",
    "carbon.xml",
    "catalina-server.xml",
    "registry.xml",
    "user-mgt.xml",
    "master-datasources.xml",
    "hazelcast.xml",
    "hazelcast.properties",
    "passthru-http.properties",
    "wrapper.conf",
    "integrator.sh",
    "wso2server.sh",
    "wso2ei.sh",
    "deployment.toml",
];

/// The ends of the names of keystores. All else in a directory `security` may be one, too.
const KEYSTORES: [&str; 5] = ["jks", "p12", "pfx", "pem", "keystore"];

/// Whether a file of an archive is one of them, or a template of one.
pub(super) fn is_of_node(inner: &Path) -> bool {
    let name = inner.file_name().unwrap_or_default().to_string_lossy();
    let without = TEMPLATES.iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.')).unwrap_or(&name);
    let end = inner.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    NAMES.contains(&without)
        || name.ends_with(DATASOURCES)
        || KEYSTORES.contains(&end.as_str())
        || inner.parent().is_some_and(|above| above.ends_with("security"))
}
