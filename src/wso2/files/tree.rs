//! The directory of one node: the home of a product, its conf/, or a copy of either, also in an archive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::shelf::Shelf;
use super::wanted::{TEMPLATES, WHAT_TO_NAME};
use crate::config::{Place, Problem};

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

/// The directory of a node that has carbon.xml, and the home of its product, if it is there.
pub fn directories(directory: &Path) -> Result<(PathBuf, Option<PathBuf>), Problem> {
    let tree = Tree::open(directory, &Shelf::default())?;
    let has_home = tree.conf.ends_with("conf") && tree.home("bin").is_dir();
    Ok((tree.conf, Some(tree.home).filter(|_| has_home)))
}

/// Whether a path is an archive, or leads into one: such a node is only read.
pub fn is_archive(path: &Path) -> bool {
    archive_of(path).is_some()
}

impl Tree {
    /// Finds the files below a directory, or in an archive.
    pub(crate) fn open(directory: &Path, shelf: &Shelf) -> Result<Self, Problem> {
        match archive_of(directory) {
            Some(archive) => Self::in_archive(directory, archive, shelf),
            None => Self::on_disk(directory, shelf),
        }
    }

    fn on_disk(directory: &Path, shelf: &Shelf) -> Result<Self, Problem> {
        directory
            .read_dir()
            .map_err(|error| problem(directory, (format!("the directory cannot be read: {error}"), WHAT_TO_NAME)))?;
        let places = [directory.to_path_buf(), directory.join("conf"), directory.join("repository/conf")];
        let conf = places.iter().find(|conf| is_conf(shelf, conf));
        let template = || places.iter().find_map(|conf| template(shelf, conf));
        let later = || places.iter().any(|conf| shelf.has(&conf.join(LATER)));
        if let Some(conf) = conf {
            return Ok(Self::around(conf.clone(), None));
        }
        let (what, advice) = without(template(), later(), "here, in conf/, or in repository/conf/");
        match home_below(directory, shelf) {
            Some(home) => Err(problem(directory, (what, format!("did you mean {}?", home.display())))),
            None => Err(problem(directory, (what, advice))),
        }
    }

    fn in_archive(directory: &Path, archive: &Path, shelf: &Shelf) -> Result<Self, Problem> {
        shelf.open(archive).map_err(|wrong| problem(archive, wrong))?;
        let nearest = |holds: &dyn Fn(&Path) -> bool| shelf.nearest(directory, holds);
        match nearest(&|conf| is_conf(shelf, conf)).as_slice() {
            [] => {
                let template =
                    nearest(&|conf| template(shelf, conf).is_some()).iter().find_map(|conf| template(shelf, conf));
                let later = !nearest(&|conf| shelf.has(&conf.join(LATER))).is_empty();
                Err(problem(directory, without(template, later, "in this archive")))
            }
            [conf] => Ok(Self::around(conf.clone(), Some(archive))),
            several => {
                let names: Vec<String> = several.iter().take(8).map(|conf| conf.display().to_string()).collect();
                let what = format!("the archive has {} nodes: {}", several.len(), names.join(", "));
                Err(problem(directory, (what, "name one of these, as if the archive were a directory")))
            }
        }
    }

    fn around(conf: PathBuf, archive: Option<&Path>) -> Self {
        let absolute = std::path::absolute(&conf).unwrap_or_else(|_| conf.clone());
        let is_inside = |home: &&Path| archive.is_none_or(|archive| home.starts_with(archive));
        let up = |levels: usize| conf.ancestors().nth(levels).filter(|path| !path.as_os_str().is_empty());
        let below_repository = absolute.ends_with("repository/conf");
        let home = up(if below_repository { 2 } else { 1 })
            .filter(is_inside)
            .map_or_else(|| conf.join(if below_repository { "../.." } else { ".." }), Path::to_path_buf);
        Self { home, below_repository, conf }
    }

    /// The conf directory under the one name that all its names lead to.
    pub(crate) fn real(&self) -> PathBuf {
        let outer = archive_of(&self.conf).unwrap_or(&self.conf);
        let inner = self.conf.strip_prefix(outer).unwrap_or(Path::new(""));
        outer.canonicalize().unwrap_or_else(|_| outer.to_path_buf()).join(inner)
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

/// From which later products make all other files.
const LATER: &str = "deployment.toml";

fn problem(at: &Path, (what, advice): (String, impl Into<String>)) -> Problem {
    let at = Place { file: Arc::new(at.to_path_buf()), ..Place::default() };
    Problem { at, what, advice: advice.into() }
}

/// A product in a directory of this one, as where an archive was unpacked.
fn home_below(directory: &Path, shelf: &Shelf) -> Option<PathBuf> {
    let below = directory.read_dir().into_iter().flatten().flatten().take(1000).map(|entry| entry.path());
    let mut homes: Vec<PathBuf> =
        below.filter(|home| ["conf", "repository/conf"].iter().any(|conf| is_conf(shelf, &home.join(conf)))).collect();
    homes.sort();
    homes.into_iter().next()
}

/// The archive that a path names or leads into.
fn archive_of(path: &Path) -> Option<&Path> {
    path.ancestors()
        .filter(|above| !above.as_os_str().is_empty())
        .find(|above| above.exists())
        .filter(|above| !above.is_dir())
}

fn is_conf(shelf: &Shelf, conf: &Path) -> bool {
    ["carbon.xml", "axis2/axis2.xml"].iter().any(|name| shelf.has(&conf.join(name)))
}

fn template(shelf: &Shelf, conf: &Path) -> Option<PathBuf> {
    TEMPLATES.iter().map(|end| conf.join(format!("carbon.xml.{end}"))).find(|path| shelf.has(path))
}

/// What is said where no node is.
fn without(template: Option<PathBuf>, later: bool, place: &str) -> (String, &'static str) {
    if let Some(template) = template {
        let what = format!("{} is a template, and carbon.xml is not here", template.display());
        (what, "name the directory of a node, with the files that are made of it")
    } else if later {
        let what = format!("{LATER} is here, and neither carbon.xml nor axis2/axis2.xml");
        (what, "products after EI 6.5 make those files of it at their first start; start the node once")
    } else {
        (format!("there is neither carbon.xml nor axis2/axis2.xml {place}"), WHAT_TO_NAME)
    }
}
