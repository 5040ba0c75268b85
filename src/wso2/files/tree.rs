//! The directory of one node: the home of a product, its conf/, or a copy of either.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Place, Problem};

/// The ends of the names of templates of Puppet, Chef and Ansible.
pub(crate) const TEMPLATES: [&str; 3] = ["erb", "epp", "j2"];

/// Where the files of a node are.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The directory that has carbon.xml.
    conf: PathBuf,
    /// The directory that has bin/ and repository/.
    home: PathBuf,
    /// Whether conf is `repository/conf`, as in ESB 4.9 and 5.0.
    pub(crate) below_repository: bool,
}

/// The directory of a node that has carbon.xml.
pub fn conf_directory(directory: &Path) -> Result<PathBuf, Problem> {
    Tree::open(directory).map(|tree| tree.conf)
}

impl Tree {
    /// Finds the files below a directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, Problem> {
        let problem = |what: String, advice: &str| Problem {
            at: Place { file: Arc::new(directory.to_path_buf()), ..Place::default() },
            what,
            advice: advice.to_owned(),
        };
        directory.read_dir().map_err(|error| {
            problem(
                format!("the directory cannot be read: {error}"),
                "name a node's conf directory, or the home of its product",
            )
        })?;
        let places = [directory.to_path_buf(), directory.join("conf"), directory.join("repository/conf")];
        let has = |conf: &&PathBuf| conf.join("carbon.xml").exists() || conf.join("axis2/axis2.xml").exists();
        if let Some(conf) = places.iter().find(has) {
            return Ok(Self::around(conf.clone()));
        }
        let template = |conf: &PathBuf| {
            TEMPLATES.iter().map(|end| conf.join(format!("carbon.xml.{end}"))).find(|path| path.exists())
        };
        if let Some(template) = places.iter().find_map(template) {
            let what = format!("{} is a template, and carbon.xml is not here", template.display());
            return Err(problem(what, "name the directory of a node, with the files that are made of it"));
        }
        if places.iter().any(|conf| conf.join("deployment.toml").exists()) {
            let what = "deployment.toml is here, and neither carbon.xml nor axis2/axis2.xml";
            return Err(problem(
                what.to_owned(),
                "products after EI 6.5 make those files of it at their first start; start the node once",
            ));
        }
        let what = "there is neither carbon.xml nor axis2/axis2.xml here, in conf/, or in repository/conf/";
        Err(problem(what.to_owned(), "name a node's conf directory, or the home of its product"))
    }

    fn around(conf: PathBuf) -> Self {
        let absolute = std::path::absolute(&conf).unwrap_or_else(|_| conf.clone());
        let up = |levels: usize| conf.ancestors().nth(levels).filter(|path| !path.as_os_str().is_empty());
        let below_repository = absolute.ends_with("repository/conf");
        let home = up(if below_repository { 2 } else { 1 })
            .map_or_else(|| conf.join(if below_repository { "../.." } else { ".." }), Path::to_path_buf);
        Self { home, below_repository, conf }
    }

    /// A file of the conf directory.
    pub(crate) fn conf(&self, name: &str) -> PathBuf {
        self.conf.join(name)
    }

    /// A file of the product's home. A copy of conf/ alone has none.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }
}
