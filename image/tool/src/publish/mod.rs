//! `publish`: repositories that nodes take updates from. What it does is in `image/publish`.

pub(crate) mod args;
mod delta;

use std::{fs, path::Path, process::ExitCode};

use ampoule_publish::{Check, Image, KeyFolder, Level, NewKeys, Publish, Repository, Rotation, Source};
use ampoule_update::{Manifest, Waves};
use anyhow::{Context, Result, ensure};

use crate::show::print;
use args::{CheckArgs, KeysArgs, Place, PublishArgs, PublishWhat, RefreshArgs, RepoArgs, RotateArgs, end};

/// `./ampoule publish`.
pub(crate) fn run(args: &PublishArgs) -> Result<ExitCode> {
    match &args.what {
        PublishWhat::Keys(args) => keys(args)?,
        PublishWhat::Repo(args) => repo(args)?,
        PublishWhat::Refresh(args) => refresh(args)?,
        PublishWhat::RotateRoot(args) => rotate(args)?,
        PublishWhat::Check(args) => return check(args),
        PublishWhat::DeltaReport(args) => delta::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn keys(args: &KeysArgs) -> Result<()> {
    let new = NewKeys { root_keys: args.root_keys, root_threshold: args.root_threshold, expires: end(args.expires) };
    let folder = KeyFolder::create_with(&args.folder, &new, &args.key)?;
    print(&format!(
        "{} holds until {}: give it to images with `./ampoule build --update-root`.\n\
         Put root-*.pem away: they are needed again only for `publish rotate-root`.\n",
        folder.root_path().display(),
        new.expires
    ))
}

fn repo(args: &RepoArgs) -> Result<()> {
    ensure!(!args.image.is_empty() || !args.remove.is_empty() || args.max_version.is_some(), "say what to publish: --image FOLDER");
    let images = args.image.iter().map(|dir| Image::open(dir)).collect::<Result<Vec<_>>>()?;
    let now = ampoule_publish::now();
    let start = args.wave_start.unwrap_or(now);
    let waves = args.waves.as_ref().map_or_else(Waves::default, |policy| policy.waves(start));
    let request = Publish {
        images: &images,
        waves,
        max_version: args.max_version.clone(),
        remove: &args.remove,
        lifetimes: args.place.expires.unwrap_or_default(),
        now,
    };
    let published = ampoule_publish::publish(&repository(&args.place)?, &KeyFolder::open(&args.place.keys)?, &request)?;
    let mut text = format!("{} in its version {}:\n", args.place.repo.display(), published.version);
    for update in &published.manifest.updates {
        text.push_str(&format!("  {} {} {}, root hash {}\n", update.variant, update.arch, update.version, update.root_hash));
    }
    print(&text)
}

fn repository(place: &Place) -> Result<Repository> {
    fs::create_dir_all(&place.repo).with_context(|| format!("cannot make {}", place.repo.display()))?;
    Ok(Repository::new(&place.repo))
}

fn refresh(args: &RefreshArgs) -> Result<()> {
    let Place { repo, keys, expires } = &args.place;
    let (lifetimes, now) = (expires.unwrap_or_default(), ampoule_publish::now());
    ampoule_publish::refresh(&Repository::new(repo), &KeyFolder::open(keys)?, lifetimes, now)?;
    print(&format!("{} holds until {}.\n", repo.display(), now.plus(lifetimes.timestamp)))
}

fn rotate(args: &RotateArgs) -> Result<()> {
    let rotation = Rotation {
        replace: args.replace.clone(),
        root_keys: args.root_keys.zip(args.root_threshold),
        given: args.key.clone(),
        expires: end(args.expires),
        lifetimes: ampoule_publish::Lifetimes::default(),
        now: ampoule_publish::now(),
    };
    let rotated = ampoule_publish::rotate(&KeyFolder::open(&args.keys)?, args.repo.as_deref(), &rotation)?;
    let mut text = format!("The root of trust is in its version {} and holds until {}.\n", rotated.version, rotation.expires);
    for key in rotated.retired {
        text.push_str(&format!("  no role has this key any more: {}\n", key.display()));
    }
    print(&text)
}

fn check(args: &CheckArgs) -> Result<ExitCode> {
    let root = fs::read(&args.root).with_context(|| format!("cannot read {}", args.root.display()))?;
    let expect = args.expect.as_deref().map(manifest).transpose()?;
    if let Some(seen) = &args.seen {
        fs::create_dir_all(seen).with_context(|| format!("cannot make {}", seen.display()))?;
    }
    let report = ampoule_publish::check(&Check {
        source: &Source::new(&args.repo)?,
        root: &root,
        seen: args.seen.as_deref(),
        expect: expect.as_ref(),
        warn_days: args.warn_days.into(),
        now: ampoule_publish::now(),
    })?;
    let mut text = String::new();
    for finding in &report.findings {
        let level = if finding.level == Level::Error { "error" } else { "warning" };
        text.push_str(&format!("{level}: {}\n", finding.text));
    }
    let updates = report.manifest.as_ref().map_or(0, |manifest| manifest.updates.len());
    let verdict = if report.is_good() { "nodes take it" } else { "it is not good" };
    print(&format!("{text}{}: {updates} versions, {} files verified; {verdict}.\n", args.repo, report.verified))?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn manifest(path: &Path) -> Result<Manifest> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Manifest::parse(&text).with_context(|| format!("{} is not what a repository can offer", path.display()))
}
