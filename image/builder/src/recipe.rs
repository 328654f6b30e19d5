//! Recipes: how each package is made (`image/packages/NAME/recipe.toml`).

use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A parsed recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Name of the package: that of its directory.
    pub(crate) name: String,
    /// Directory of the recipe.
    pub(crate) dir: PathBuf,
    /// The text, which is part of the key.
    pub(crate) text: String,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Body {
    /// One line for a person.
    pub(crate) summary: String,
    /// SPDX expression.
    pub(crate) licence: String,
    /// Names in the lock file. The package has the version of the first one.
    pub(crate) inputs: Vec<String>,
    pub(crate) build: Build,
}

/// What is done with the inputs. Typed, not a shell script: so what a recipe can do is what stands here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub(crate) enum Build {
    /// Linux from a source archive inside a Debian package.
    Kernel {
        /// Path of the archive in the package.
        archive: PathBuf,
        /// Options, on top of the smallest configuration; beside the recipe.
        fragment: PathBuf,
    },
    /// Go programs from the module proxy; `go.mod` and `go.sum` lie beside the recipe.
    Go {
        /// Programs by their names in the image.
        programs: BTreeMap<String, GoProgram>,
        /// String variable that is set to the version.
        #[serde(default)]
        version_variable: Option<String>,
        /// C libraries linked in, as pkg-config names them, from the other inputs.
        #[serde(default)]
        libraries: Vec<String>,
    },
    /// Programs of a crate from the registry; `Cargo.toml` and `Cargo.lock` lie beside the recipe.
    Crate {
        /// Programs of the crate.
        programs: Vec<String>,
        /// What its build script reads.
        #[serde(default)]
        environment: BTreeMap<String, String>,
    },
    /// Our own programs.
    CargoWorkspace {
        /// Files and directories they are built from.
        sources: Vec<PathBuf>,
        /// Programs; the crate is `ampoule-PROGRAM`.
        programs: Vec<String>,
        /// Other names for programs.
        #[serde(default)]
        links: BTreeMap<String, String>,
    },
    /// The boot loader: a program of ours that carries the one of a Debian package, and files of that package.
    BootLoader {
        /// Files and directories our program is built from.
        sources: Vec<PathBuf>,
        /// The program; the crate is `ampoule-PROGRAM`.
        program: String,
        /// The loader that it carries, in the package.
        carries: PathBuf,
        /// Path of the program in the artifact.
        loader: PathBuf,
        /// Path in the package → path in the artifact.
        files: BTreeMap<String, PathBuf>,
    },
    /// All certificates of a directory of a Debian package, in one file.
    CertificateBundle {
        /// The directory.
        certificates: PathBuf,
        /// Path of the file in the artifact.
        bundle: PathBuf,
    },
}

/// A program of a Go package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct GoProgram {
    /// Where its `main` is: relative to the module of the first input (empty: there itself), or beside the recipe if it begins with `./`.
    pub(crate) package: String,
    /// Build tags: mostly what is left out.
    pub(crate) tags: Vec<String>,
}

impl GoProgram {
    /// How the `go` command names its package.
    pub(crate) fn path(&self, module: &str) -> String {
        match self.package.as_str() {
            "" => module.to_owned(),
            beside if beside.starts_with("./") => beside.to_owned(),
            inside => format!("{module}/{inside}"),
        }
    }
}

impl Recipe {
    /// Reads the recipe of the package `name` below `packages`.
    pub(crate) fn read(packages: &Path, name: &str) -> anyhow::Result<Self> {
        let dir = packages.join(name);
        let path = dir.join("recipe.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("there is no package {name}: cannot read {}", path.display()))?;
        let body = toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
        Self { name: name.to_owned(), dir, text, body }.checked()
    }

    fn checked(self) -> anyhow::Result<Self> {
        let licence = &self.body.licence;
        anyhow::ensure!(!licence.trim().is_empty(), "package {}: the licence is empty; give an SPDX expression", self.name);
        let has_input = !self.body.inputs.is_empty() || matches!(self.body.build, Build::CargoWorkspace { .. });
        anyhow::ensure!(has_input, "package {}: `inputs` is empty, so it is made from nothing", self.name);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO: &str = r#"
        summary = "s"
        licence = "MIT"
        inputs = ["x"]
        [build]
        kind = "go"
        [build.programs]
        x = { package = "cmd/x", tags = [] }
    "#;

    fn read(text: &str) -> anyhow::Result<Recipe> {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("x")).expect("made");
        std::fs::write(dir.path().join("x/recipe.toml"), text).expect("written");
        Recipe::read(dir.path(), "x")
    }

    #[test]
    fn a_recipe_is_read() {
        let recipe = read(GO).expect("a recipe");
        assert_eq!(recipe.name, "x");
        assert!(matches!(recipe.body.build, Build::Go { ref programs, .. } if programs["x"].package == "cmd/x"));
    }

    #[test]
    fn a_program_is_in_the_module_or_beside_the_recipe() {
        let path = |package: &str| GoProgram { package: package.to_owned(), tags: Vec::new() }.path("example.com/m");
        assert_eq!([path(""), path("cmd/x"), path("./x")], ["example.com/m", "example.com/m/cmd/x", "./x"]);
    }

    #[test]
    fn what_a_recipe_does_not_know_is_refused_by_name() {
        for (from, to, word) in [("kind = \"go\"", "kind = \"shell\"", "shell"), ("tags = []", "tags = [], script = \"x\"", "script")] {
            let error = format!("{:#}", read(&GO.replace(from, to)).expect_err("refused"));
            assert!(error.contains(word), "{error}");
        }
        assert!(read(&GO.replace("MIT", " ")).is_err());
        assert!(read(&GO.replace("[\"x\"]", "[]")).is_err());
    }

    #[test]
    fn all_recipes_of_the_repository_are_right() {
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages");
        let names = std::fs::read_dir(&packages).expect("listed").flatten().filter(|e| e.path().is_dir());
        let names: Vec<_> = names.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            Recipe::read(&packages, &name).expect("a recipe");
        }
    }
}
