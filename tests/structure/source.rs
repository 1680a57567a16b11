//! The program's source as modules that import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// A module by its names from the top: `["domain", "item", "image"]`. The top itself has none.
pub type Module = Vec<String>;

/// One file of the program, parsed, with its path below `src`.
pub struct Source {
    pub module: Module,
    pub file: PathBuf,
    pub syntax: syn::File,
}

/// Reads all files of the program that are no tests.
///
/// # Panics
/// Where a file cannot be read, or is no Rust.
pub fn read() -> Vec<Source> {
    super::files()
        .into_iter()
        .filter(|(file, _)| !file.ends_with("main.rs"))
        .map(|(file, text)| Source {
            module: module_of(&file),
            syntax: syn::parse_file(&text)
                .unwrap_or_else(|why| panic!("{}: {why}", file.display())),
            file,
        })
        .collect()
}

fn module_of(file: &Path) -> Module {
    let names = file.with_extension("");
    let mut names: Module = names
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names
        .last()
        .is_some_and(|name| name == "mod" || name == "lib")
    {
        names.pop();
    }
    names
}

/// Returns true for what only tests have.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        is_cfg
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|it| it.is_ident("test"))
    })
}

/// Returns which modules each one imports: those that *define* what it names, however the name comes to it.
pub fn imports(sources: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules: BTreeSet<Module> = sources.iter().map(|it| it.module.clone()).collect();
    let named: BTreeMap<&Module, Named> = sources
        .iter()
        .map(|source| (&source.module, Named::of(source, &modules)))
        .collect();
    let mut exports: BTreeMap<(Module, String), (Module, String)> = BTreeMap::new();
    for (module, named) in &named {
        for (alias, path) in &named.exports {
            if let Some((at, Some(name))) = resolved(module, path, &modules) {
                exports.insert(((*module).clone(), alias.clone()), (at, name));
            }
        }
    }
    let defines = |(mut module, mut name): (Module, String)| {
        while let Some(next) = exports.get(&(module.clone(), name.clone())) {
            (module, name) = next.clone();
        }
        module
    };
    let all = named.iter().map(|(module, named)| {
        let found = named.paths.iter().filter_map(|path| {
            let (at, name) = resolved(module, path, &modules)?;
            Some(match name {
                Some(name) => defines((at, name)),
                None => at,
            })
        });
        (
            (*module).clone(),
            found.filter(|it| it != *module).collect(),
        )
    });
    all.collect()
}

/// Returns the module that a path leads to, and what is named in it.
fn resolved(
    from: &Module,
    path: &[String],
    modules: &BTreeSet<Module>,
) -> Option<(Module, Option<String>)> {
    let mut at: Module = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => from.clone(),
        first => {
            let child: Module = from.iter().cloned().chain([first.to_owned()]).collect();
            modules.contains(&child).then(|| from.clone())?
        }
    };
    let mut names = path.iter().peekable();
    while let Some(way) = names.next_if(|it| matches!(it.as_str(), "crate" | "self" | "super")) {
        if way == "super" {
            at.pop();
        }
    }
    for name in names {
        at.push(name.clone());
        if !modules.contains(&at) {
            at.pop();
            return Some((at, Some(name.clone())));
        }
    }
    Some((at, None))
}

/// The paths that a file names.
#[derive(Default)]
struct Named {
    paths: Vec<Vec<String>>,
    /// What it gives on, by the name under which it does.
    exports: Vec<(String, Vec<String>)>,
    children: BTreeSet<String>,
}

impl Named {
    fn of(source: &Source, modules: &BTreeSet<Module>) -> Self {
        let below = |module: &&Module| module.len() == source.module.len() + 1;
        let children = modules.iter().filter(below);
        let children = children.filter(|module| module.starts_with(&source.module));
        let mut named = Self {
            children: children
                .filter_map(|module| module.last().cloned())
                .collect(),
            ..Self::default()
        };
        named.visit_file(&source.syntax);
        named
    }

    fn take(&mut self, tree: &UseTree, before: &[String], is_given_on: bool) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
        let (path, alias) = match tree {
            UseTree::Path(path) => {
                return self.take(&path.tree, &with(path.ident.to_string()), is_given_on);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take(tree, before, is_given_on);
                }
                return;
            }
            UseTree::Glob(_) => (before.to_vec(), None),
            UseTree::Name(name) => (with(name.ident.to_string()), Some(name.ident.to_string())),
            UseTree::Rename(name) => (with(name.ident.to_string()), Some(name.rename.to_string())),
        };
        let alias = alias.filter(|_| is_given_on);
        self.exports
            .extend(alias.map(|alias| (alias, path.clone())));
        self.paths.push(path);
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(it) => &it.attrs,
            Item::Use(it) => &it.attrs,
            Item::Impl(it) => &it.attrs,
            Item::Fn(it) => &it.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_given_on = !matches!(item.vis, Visibility::Inherited);
        self.take(&item.tree, &[], is_given_on);
    }

    // `pub(in …)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        let names: Vec<String> = names.collect();
        let is_way = matches!(names[0].as_str(), "crate" | "self" | "super");
        if names.len() > 1 && (is_way || self.children.contains(&names[0])) {
            self.paths.push(names);
        }
        syn::visit::visit_path(self, path);
    }
}
