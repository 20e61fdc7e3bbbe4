"""`brains addon`: bring the Godot addon into a project, and compare the one that is there."""

from __future__ import annotations

from pathlib import Path

import click

from brains.addon import AUTOLOAD, CLIENT, FOLDER, Change, Plan, addon_folder, apply, plan
from brains.addon.project import OLDEST_GODOT

__all__ = ["command"]

ABOUT = {
    "missing": "is not there",
    "outdated": "is of an older version",
    "modified": "was changed in the project",
    "unknown": "differs: changed in the project, or of another version",
    "gone": "does not belong to this version any more",
    "gone but modified": "does not belong to this version any more, and was changed in the project",
}

EPILOG = """\b
Examples:
  brains addon install ~/games/castle
  brains addon install . --check"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Bring the Godot addon into a project.

    It needs Godot 4.4 or newer, and nothing else.
    """


INSTALL_EPILOG = """\b
Examples:
  brains addon install ~/games/castle
  brains addon install . --dry-run
  brains addon install . --check && echo up to date

Exit code 0: done (--check: nothing differs); 1: something was left as it is, differs or went wrong; 2: wrong usage."""


@command.command(epilog=INSTALL_EPILOG)
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace also what was changed in the project; a copy of each file stays.")
@click.option("--check", is_flag=True, help="Write nothing; show what differs from this version.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be done.")
def install(project: Path, force: bool, check: bool, dry_run: bool) -> None:
    """Copy the addon into a Godot project and enable it there.

    PROJECT is the folder with project.godot. The addon goes into addons/brains; in project.godot the plugin is enabled
    and the autoload Brains added, and everything else stays as it is. Nothing happens if all of this is there already;
    an older version is upgraded.

    Files that you have changed are kept, unless --force is given. Files of your own are never touched.
    """
    if check and (force or dry_run):
        raise click.UsageError("--check writes nothing: leave out --force and --dry-run")
    todo = plan(project)
    if check:
        _print_check(todo)
        raise click.exceptions.Exit(0 if todo.is_done else 1)
    backups = [] if dry_run else apply(todo, force=force)
    _print_done(todo, force=force, dry_run=dry_run)
    for backup in backups:
        click.echo(f"  copy: {backup}")
    left = _left(todo, force=force)
    for line in left:
        click.echo(f"warning: {line}", err=True)
    if not (todo.is_done or dry_run or left):
        click.echo("next: open it in Godot (if it is open: Project > Reload Current Project), and run `brains serve`")
    if left:
        raise click.exceptions.Exit(1)


PATH_EPILOG = """\b
Example:
  cp -r "$(brains addon path)" ~/games/castle/addons/brains"""


@command.command(epilog=PATH_EPILOG)
def path() -> None:
    """Print where the addon lies."""
    click.echo(addon_folder())


def _print_check(todo: Plan) -> None:
    if todo.installed is None:
        click.echo(f"{todo.project.folder}: no addon; this is {todo.version}")
    else:
        same = "the same version" if todo.installed == todo.version else f"this is {todo.version}"
        click.echo(f"{todo.project.folder}: addon {todo.installed}, {same}")
    rows = [] if todo.installed is None else [(f"{FOLDER}/{one.path}", ABOUT[one.kind]) for one in todo.differing]
    if not todo.is_enabled:
        rows.append(("project.godot", "the plugin is not enabled"))
    if todo.autoload is None:
        rows.append(("project.godot", f"the autoload {AUTOLOAD} is missing"))
    elif todo.has_foreign_autoload:
        rows.append(("project.godot", f"the autoload {AUTOLOAD} is {todo.autoload}"))
    width = max((len(name) for name, _ in rows), default=0)
    for name, about in rows:
        click.echo(f"  {name:{width}}  {about}")
    if todo.is_linked and todo.installed != todo.version:
        click.echo(f"  {FOLDER} is a link: upgrade what it leads to")


def _print_done(todo: Plan, *, force: bool, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    name = f"addon {todo.version}"
    if todo.is_done:
        click.echo(f"{name} is already in {todo.project.folder}, enabled")
        return
    copied = [one for one in todo.differing if not one.is_kept or force]
    if todo.is_linked:
        click.echo(f"{todo.target} is the addon itself, or a link to it: nothing to copy")
    elif copied:
        done = {None: "installed", todo.version: "repaired"}.get(todo.installed, "upgraded")
        came = "" if todo.installed in (None, todo.version) else f" from {todo.installed}"
        click.echo(f"{name} {would}{done} in {todo.project.folder}{came}: {_counts(copied)}")
    if not todo.is_enabled:
        click.echo(f"  plugin {would}enabled in project.godot")
    if todo.autoload is None or (force and todo.has_foreign_autoload):
        click.echo(f"  autoload {AUTOLOAD} {would}set in project.godot: {CLIENT}")


def _counts(changes: list[Change]) -> str:
    gone = sum(one.kind.startswith("gone") for one in changes)
    new = sum(one.kind == "missing" for one in changes)
    counts = {"new": new, "replaced": len(changes) - new - gone, "removed": gone}
    return ", ".join(f"{count} files {what}" for what, count in counts.items() if count).replace("1 files", "1 file")


def _left(todo: Plan, *, force: bool) -> list[str]:
    """Say what is not as it should be when all is done."""
    left = []
    if todo.is_linked and todo.installed != todo.version:
        left.append(f"{todo.target} is a link to version {todo.installed}, and this is {todo.version}")
    if not force:
        left += [f"{todo.target / one.path} {ABOUT[one.kind]}: kept" for one in todo.files if one.is_kept]
        if todo.has_foreign_autoload:
            left.append(
                f"the autoload {AUTOLOAD} is {todo.autoload}, so the addon's client is not in the game: rename it"
            )
        if left:
            left.append("--force replaces all of this, and keeps a copy of each file")
    version = todo.project.godot_version()
    if version is not None and version < OLDEST_GODOT:
        left.append("the project was saved by Godot {}.{}, and the addon needs {}.{}".format(*version, *OLDEST_GODOT))
    return left
