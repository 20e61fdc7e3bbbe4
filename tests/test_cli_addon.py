"""`brains addon`: what it does to a project, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from hypothesis import given
from hypothesis import strategies as st

import brains
from brains.addon import CLIENT, PLUGIN, GodotProject, addon_folder, apply, plan
from brains.cli.addon import command
from brains.errors import ConfigError

ROOT = Path(__file__).parents[1]

SETTINGS = """\
; Engine configuration file.
; [autoload] is not a section here

config_version=5

[application]

config/name="My [game]; \\"new\\"
[autoload]
Brains=\\"not this\\""
config/features=PackedStringArray("4.4", "GL Compatibility")
run/main_scene="res://main.tscn"   ; a remark

[input]

jump={
"deadzone": 0.5, ; [editor_plugins]
"events": [Object(InputEventKey,"keycode":32)
]
}
"""
"""A project.godot in which not everything is what it looks like."""

PLUGIN_LINE = f'enabled=PackedStringArray("{PLUGIN}")'
AUTOLOAD_LINE = f'Brains="*{CLIENT}"'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Godot project without the addon."""
    folder = tmp_path / "game"
    folder.mkdir()
    (folder / "project.godot").write_bytes(SETTINGS.encode())
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An addon, as small as can be."""
    folder = tmp_path / "addon"
    (folder / "editor").mkdir(parents=True)
    (folder / "plugin.cfg").write_text('[plugin]\nname="Brains"\nversion="2.0.0"\n')
    (folder / "brains_client.gd").write_text("extends Node\n")
    (folder / "brains_client.gd.uid").write_text("uid://abc\n")
    (folder / "editor" / "panel.gd").write_text("extends Control\n")
    return folder


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args])


def install(project: Path, *options: str) -> Result:
    result = call("install", project, *options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def settings(project: Path) -> str:
    return (project / "project.godot").read_bytes().decode()


def write(project: Path, text: str) -> None:
    (project / "project.godot").write_bytes(text.encode())


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- a first installation ---


def test_install_copies_and_enables_the_addon(project: Path) -> None:
    result = install(project)
    assert result.exit_code == 0
    assert f"addon {brains.__version__} installed in {project}" in result.stdout
    shipped = tree(addon_folder())
    copied = tree(project / "addons" / "brains")
    del copied[".brains-manifest.json"]
    assert copied == shipped
    assert "plugin.cfg" in copied
    assert "script_templates/.gdignore" in copied


def test_install_only_adds_to_project_godot(project: Path) -> None:
    install(project)
    added = f"\n[autoload]\n\n{AUTOLOAD_LINE}\n\n[editor_plugins]\n\n{PLUGIN_LINE}\n"
    assert settings(project) == SETTINGS + added


def test_a_second_time_nothing_happens(project: Path) -> None:
    install(project)
    before = tree(project)
    result = install(project)
    assert (result.exit_code, result.stdout) == (
        0,
        f"addon {brains.__version__} is already in {project}, enabled\n",
    )
    assert tree(project) == before


def test_the_file_itself_may_be_named(project: Path) -> None:
    assert install(project / "project.godot").exit_code == 0
    assert (project / "addons" / "brains" / "plugin.cfg").is_file()


def test_dry_run_writes_nothing(project: Path) -> None:
    before = tree(project)
    result = install(project, "--dry-run")
    assert result.exit_code == 0
    assert "would be installed" in result.stdout
    assert "plugin would be enabled" in result.stdout
    assert tree(project) == before


# --- project.godot ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"[autoload]\n\n{AUTOLOAD_LINE}\n\n[editor_plugins]\n\n{PLUGIN_LINE}\n"),
        (
            "config_version=5",
            f"config_version=5\n\n[autoload]\n\n{AUTOLOAD_LINE}\n\n[editor_plugins]\n\n{PLUGIN_LINE}\n",
        ),
        (
            '[autoload]\n\nMusic="*res://music.gd" ; loud\n; the end\n\n'
            "[editor_plugins]\n\nenabled=PackedStringArray()\n[z]\n",
            f'[autoload]\n\nMusic="*res://music.gd" ; loud\n{AUTOLOAD_LINE}\n; the end\n\n'
            f"[editor_plugins]\n\n{PLUGIN_LINE}\n[z]\n",
        ),
        (
            '[editor_plugins]\nenabled=PackedStringArray("res://addons/a/plugin.cfg",\n\t"res://b")\n[autoload]\n',
            f'[editor_plugins]\nenabled=PackedStringArray("res://addons/a/plugin.cfg",\n\t"res://b", "{PLUGIN}")\n'
            f"[autoload]\n\n{AUTOLOAD_LINE}\n",
        ),
        (
            '[editor_plugins]\n\nenabled=["res://a"]\n[autoload]\n\nBrains="*res://addons/brains/brains_client.gd"',
            f'[editor_plugins]\n\nenabled=["res://a", "{PLUGIN}"]\n[autoload]\n\n{AUTOLOAD_LINE}',
        ),
        (
            f'autoload/Brains="{CLIENT}"\neditor_plugins/enabled=PackedStringArray()',
            f'autoload/Brains="{CLIENT}"\neditor_plugins/{PLUGIN_LINE}',
        ),
        (
            f"[autoload]\nA=1\n[b]\n[autoload]\nB=2\n[editor_plugins]\n{PLUGIN_LINE}",
            f"[autoload]\nA=1\n[b]\n[autoload]\nB=2\n{AUTOLOAD_LINE}\n[editor_plugins]\n{PLUGIN_LINE}",
        ),
    ],
    ids=["empty", "no end of line", "comments", "other plugins", "array", "no sections", "section twice"],
)
def test_project_godot_is_edited_where_it_should_be(project: Path, before: str, after: str) -> None:
    write(project, before)
    assert install(project).exit_code == 0
    assert settings(project) == after
    assert install(project, "--check").exit_code == 0


def test_line_ends_stay_as_they_are(project: Path) -> None:
    write(project, SETTINGS.replace("\n", "\r\n"))
    install(project)
    text = settings(project)
    assert text.startswith(SETTINGS.replace("\n", "\r\n"))
    assert text.count("\n") == text.count("\r\n")
    assert install(project, "--check").exit_code == 0


def test_bytes_that_are_no_text_stay_as_they_are(project: Path) -> None:
    odd = b'\xef\xbb\xbfconfig_version=5\n[application]\nconfig/name="\xff\xfe\xc3\xa9"\n'
    (project / "project.godot").write_bytes(odd)
    install(project)
    assert (project / "project.godot").read_bytes().startswith(odd)


@given(
    st.lists(
        st.sampled_from(
            [
                "[a]",
                "[autoload]",
                "[editor_plugins]",
                "",
                "; [x]",
                'k="[autoload]',
                '"',
                "d={",
                "}",
                "n=1 ; c",
                "\t",
                "é",
            ]
        ),
        max_size=12,
    ).map("\n".join)
)
def test_whatever_is_in_it_stays_in_it(text: str) -> None:
    project = GodotProject(folder=Path("game"), text=text)
    try:
        edited = project.with_autoload("Brains", "*x").with_plugin("y")
    except ConfigError:
        return  # a text without its end
    assert (edited.autoload("Brains"), edited.plugins()) == ("*x", ["y"])
    rest = iter(edited.text)
    assert all(char in rest for char in text), "the old text is a part of the new one"


def test_rights_of_the_file_stay_as_they_are(project: Path) -> None:
    (project / "project.godot").chmod(0o640)
    install(project)
    assert (project / "project.godot").stat().st_mode & 0o777 == 0o640


def test_a_linked_project_godot_stays_a_link(project: Path, tmp_path: Path) -> None:
    (project / "project.godot").rename(tmp_path / "real")
    (project / "project.godot").symlink_to(tmp_path / "real")
    install(project)
    assert (project / "project.godot").is_symlink()
    assert AUTOLOAD_LINE in (tmp_path / "real").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config_version=4\n", "is of Godot 3 (config_version=4)"),
        ("config_version=6\n", "which no Godot 4 writes"),
        ('config_version=5\n[a]\nb="no end', "project.godot:3: the text that begins here does not end"),
        ("[a]\nb={\n[c]\n", "project.godot:2: the value that begins here does not end"),
        ("[editor_plugins]\nenabled=null\n", "enable it in the editor"),
    ],
)
def test_a_project_that_cannot_be_edited_is_left_alone(project: Path, text: str, message: str) -> None:
    write(project, text)
    result = call("install", project)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
    assert list(project.iterdir()) == [project / "project.godot"]


def test_a_read_only_project_godot_is_left_alone(project: Path) -> None:
    (project / "project.godot").chmod(0o444)
    result = call("install", project)
    assert "is read-only" in str(result.exception)
    assert list(project.iterdir()) == [project / "project.godot"]


@pytest.mark.parametrize("name", ["", "missing", "file"])
def test_a_folder_without_a_project_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    result = call("install", tmp_path / name)
    assert isinstance(result.exception, ConfigError)
    assert "name the folder of a Godot project" in str(result.exception)
    assert not (tmp_path / "addons").exists()


def test_an_older_godot_is_warned_of(project: Path) -> None:
    write(project, SETTINGS.replace('"4.4"', '"4.2"'))
    result = install(project)
    assert result.exit_code == 1
    assert "was saved by Godot 4.2, and the addon needs 4.4" in result.stderr


# --- another autoload of that name ---


def test_another_autoload_of_that_name_is_reported_and_kept(project: Path) -> None:
    write(project, '[autoload]\n\nBrains="*res://zombies.gd"\n')
    result = install(project)
    assert result.exit_code == 1
    assert "the autoload Brains is res://zombies.gd" in result.stderr
    assert 'Brains="*res://zombies.gd"' in settings(project)
    assert install(project, "--check").exit_code == 1


def test_force_replaces_another_autoload(project: Path) -> None:
    write(project, '[autoload]\n\nBrains="*res://zombies.gd" ; mine\nZ=1\n')
    assert install(project, "--force").exit_code == 0
    assert settings(project).startswith(f"[autoload]\n\n{AUTOLOAD_LINE} ; mine\nZ=1\n")
    assert install(project, "--check").exit_code == 0


@pytest.mark.parametrize("value", ["*uid://abc", f"*{CLIENT}::uid://other", CLIENT])
def test_the_autoload_may_be_written_as_godot_likes(project: Path, source: Path, value: str) -> None:
    write(project, f'[autoload]\n\nBrains="{value}"\n')
    apply(plan(project, source))
    assert plan(project, source).is_done
    assert f'Brains="{value}"' in settings(project)


# --- upgrades ---


@pytest.fixture
def older(project: Path, source: Path, tmp_path: Path) -> Path:
    """The project with an older version of the small addon."""
    old = tmp_path / "old"
    shutil.copytree(source, old)
    (old / "plugin.cfg").write_text('[plugin]\nversion="1.0.0"\n')
    (old / "editor" / "old").mkdir()
    (old / "editor" / "old" / "tab.gd").write_text("extends Tree\n")
    apply(plan(project, old))
    assert plan(project, old).is_done
    return project / "addons" / "brains"


def test_an_upgrade_replaces_and_removes(project: Path, source: Path, older: Path) -> None:
    (older / "editor" / "old" / "tab.gd.uid").write_text("uid://made_by_godot\n")
    todo = plan(project, source)
    assert (todo.installed, todo.version) == ("1.0.0", "2.0.0")
    assert {change.path: change.kind for change in todo.differing} == {
        "plugin.cfg": "outdated",
        "editor/old/tab.gd": "gone",
    }
    assert apply(todo) == []
    assert plan(project, source).is_done
    assert not (older / "editor" / "old").exists()


def test_what_the_user_changed_is_kept(project: Path, source: Path, older: Path) -> None:
    (source / "editor" / "panel.gd").write_text("extends Control # new\n")
    (older / "editor" / "panel.gd").write_text("extends Control # mine\n")
    (older / "editor" / "old" / "tab.gd").write_text("extends Tree # mine\n")
    for _ in range(2):  # it is not forgotten, either
        todo = plan(project, source)
        assert {change.path: change.kind for change in todo.differing if change.is_kept} == {
            "editor/panel.gd": "modified",
            "editor/old/tab.gd": "gone but modified",
        }
        apply(todo)
    assert (older / "editor" / "panel.gd").read_text() == "extends Control # mine\n"
    assert (older / "editor" / "old" / "tab.gd").exists()


def test_force_replaces_it_and_keeps_a_copy(project: Path, source: Path, older: Path) -> None:
    copies = []
    for number in range(2):
        (older / "editor" / "panel.gd").write_text(f"extends Control # mine {number}\n")
        copies += apply(plan(project, source), force=True)
    assert [copy.name for copy in copies] == ["panel.gd.bak", "panel.gd.bak1"]
    assert [copy.read_text() for copy in copies] == [f"extends Control # mine {number}\n" for number in range(2)]
    assert plan(project, source).is_done


def test_files_of_the_users_own_are_never_touched(project: Path, source: Path, older: Path) -> None:
    (older / "editor" / "old" / "mine.gd").write_text("extends Node\n")
    (older / "my_notes.txt").write_text("buy milk\n")
    apply(plan(project, source), force=True)
    assert (older / "editor" / "old" / "mine.gd").read_text() == "extends Node\n"
    assert (older / "my_notes.txt").read_text() == "buy milk\n"
    assert plan(project, source).is_done


def test_line_ends_do_not_count_as_changes(project: Path, source: Path, older: Path) -> None:
    """Git may have changed them."""
    for path in older.rglob("*.gd"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not [change for change in plan(project, source).differing if change.is_kept]


def test_files_that_godot_writes_are_left_to_it(project: Path, source: Path, older: Path) -> None:
    (older / "brains_client.gd.uid").write_text("uid://of_the_project\n")
    apply(plan(project, source), force=True)
    assert (older / "brains_client.gd.uid").read_text() == "uid://of_the_project\n"


def test_a_file_that_is_missing_comes_back(project: Path, source: Path, older: Path) -> None:
    (older / "brains_client.gd").unlink()
    apply(plan(project, source))
    assert (older / "brains_client.gd").read_text() == "extends Node\n"


@pytest.mark.parametrize("manifest", [None, "[1, 2", '{"version": 5}'])
def test_without_a_manifest_differing_files_are_kept(
    project: Path, source: Path, older: Path, manifest: str | None
) -> None:
    if manifest is None:
        (older / ".brains-manifest.json").unlink()
    else:
        (older / ".brains-manifest.json").write_text(manifest)
    apply(plan(project, source))
    assert "1.0.0" in (older / "plugin.cfg").read_text()
    assert len(apply(plan(project, source), force=True)) == 1
    assert plan(project, source).is_done


@pytest.mark.parametrize("path", ["../../victim.txt", "/tmp/victim.txt", "..\\..\\victim.txt", "C:/victim.txt"])
def test_a_forged_manifest_leads_nowhere(project: Path, source: Path, older: Path, path: str) -> None:
    (project / "victim.txt").write_text("x")
    manifest = json.loads((older / ".brains-manifest.json").read_text())
    manifest["files"][path] = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # SHA-256 of "x"
    (older / ".brains-manifest.json").write_text(json.dumps(manifest))
    apply(plan(project, source), force=True)
    assert (project / "victim.txt").exists()


def test_a_forged_manifest_leads_nowhere_through_a_link(project: Path, source: Path, tmp_path: Path) -> None:
    apply(plan(project, source))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_bytes(b"")
    (project / "addons/brains/mine").symlink_to(outside, target_is_directory=True)
    manifest = project / "addons/brains/.brains-manifest.json"
    content = json.loads(manifest.read_text())
    content["files"]["mine/key"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest.write_text(json.dumps(content))
    apply(plan(project, source), force=True)
    assert [path.name for path in outside.iterdir()] == ["key"]


def test_a_folder_of_the_addon_that_is_a_link_is_refused(project: Path, source: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (project / "addons/brains").mkdir(parents=True)
    (project / "addons/brains/editor").symlink_to(outside, target_is_directory=True)
    with pytest.raises(ConfigError, match="editor is a link: remove it"):
        plan(project, source)
    assert list(outside.iterdir()) == []


def test_the_addon_itself_is_not_copied_onto_itself(project: Path, source: Path) -> None:
    (project / "addons").mkdir()
    shutil.move(source, project / "addons" / "brains")
    todo = plan(project, project / "addons" / "brains")
    apply(todo)
    assert not (project / "addons" / "brains" / ".brains-manifest.json").exists()
    assert AUTOLOAD_LINE in settings(project)


def test_a_linked_addon_is_left_alone(project: Path, source: Path) -> None:
    (project / "addons").mkdir()
    (project / "addons" / "brains").symlink_to(source, target_is_directory=True)
    before = tree(source)
    result = install(project)
    assert result.exit_code == 1
    assert f"is a link to version 2.0.0, and this is {brains.__version__}" in result.stderr
    assert tree(source) == before
    assert AUTOLOAD_LINE in settings(project)


def test_a_link_that_leads_nowhere_is_refused(project: Path) -> None:
    (project / "addons").mkdir()
    (project / "addons" / "brains").symlink_to(project / "nowhere")
    assert "is a link that leads to no addon" in str(call("install", project).exception)


def test_a_file_in_the_place_of_the_folder_is_refused(project: Path) -> None:
    (project / "addons").mkdir()
    (project / "addons" / "brains").write_text("")
    assert "is not a folder: move it away" in str(call("install", project).exception)


# --- check ---


def test_check_of_a_project_without_the_addon(project: Path) -> None:
    before = tree(project)
    result = install(project, "--check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{project}: no addon; this is {brains.__version__}",
        "  project.godot  the plugin is not enabled",
        "  project.godot  the autoload Brains is missing",
    ]
    assert tree(project) == before


def test_check_says_which_files_differ(project: Path) -> None:
    install(project)
    folder = project / "addons" / "brains"
    (folder / "plugin.gd").write_text("# mine\n")
    (folder / "brain_agent.gd").unlink()
    result = install(project, "--check")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"{project}: addon {brains.__version__}, the same version"
    assert [line.split("  ", 2)[1:] for line in result.stdout.splitlines()[1:]] == [
        ["addons/brains/brain_agent.gd", "is not there"],
        ["addons/brains/plugin.gd", "     was changed in the project"],
    ]


def test_files_that_come_back_are_a_repair_and_no_upgrade(project: Path) -> None:
    install(project)
    (project / "addons" / "brains" / "brain_agent.gd").unlink()
    result = install(project)
    assert result.stdout.splitlines()[0] == f"addon {brains.__version__} repaired in {project}: 1 file new"


def test_check_writes_nothing_so_it_takes_no_force(project: Path) -> None:
    assert call("install", project, "--check", "--force").exit_code == 2


# --- where it lies ---


def test_path_is_all_that_is_on_stdout() -> None:
    assert call("path").stdout == f"{addon_folder()}\n"
    assert (addon_folder() / "plugin.cfg").is_file()


def test_the_whole_command_line(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "brains", "addon", "install", str(project / "nowhere")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"error: there is no folder {project / 'nowhere'}: name the folder of a Godot project\n"


@pytest.mark.parametrize("args", [[], ["install"], ["path"]])
def test_help_can_be_read(args: list[str]) -> None:
    text = CliRunner().invoke(command, [*args, "--help"], terminal_width=80).stdout
    assert "\\b" not in text
    assert "\n    " in text[text.index("Example") :]


def shipped_files() -> set[str]:
    return {
        path for path in tree(ROOT / "godot_demo" / "addons" / "brains") if not path.endswith(".brains-manifest.json")
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def test_the_addon_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix("brains/_addon/") for name in archive.namelist() if "/_addon/" in name}
    assert names == shipped_files()


def test_an_editable_installation_has_no_copy_of_it(tmp_path: Path) -> None:
    """It would grow old there; and its folder, named as the package is, would be taken for the package."""
    editable = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["editable"]))
    with zipfile.ZipFile(editable) as archive:
        assert not [name for name in archive.namelist() if name.startswith("brains/")]


@pytest.fixture
def site(wheel: Path, tmp_path: Path) -> Path:
    """A folder in which the package is installed."""
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    return tmp_path / "site"


def run_installed(site: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `brains addon` of an installed package."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "brains", "addon", *args],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(site)},
    )


def test_an_installed_package_finds_its_addon(site: Path, project: Path, tmp_path: Path) -> None:
    done = run_installed(site, "install", str(project), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path for path in tree(project / "addons" / "brains") if not path.startswith(".brains")} == shipped_files()


def test_a_wheel_can_be_built_from_the_source_distribution(tmp_path: Path) -> None:
    archive = next(SdistBuilder(str(ROOT)).build(directory=str(tmp_path / "sdist"), versions=["standard"]))
    with tarfile.open(archive) as opened:
        if hasattr(tarfile, "data_filter"):  # newer Pythons warn where it is not used
            opened.extraction_filter = tarfile.data_filter
        opened.extractall(tmp_path / "source")  # noqa: S202  # we have made it
    (unpacked,) = (tmp_path / "source").iterdir()
    wheel = next(WheelBuilder(str(unpacked)).build(directory=str(tmp_path / "wheel"), versions=["standard"]))
    with zipfile.ZipFile(wheel) as opened_wheel:
        assert "brains/_addon/plugin.cfg" in opened_wheel.namelist()


def test_an_installation_without_the_addon_says_so(site: Path, tmp_path: Path) -> None:
    shutil.rmtree(site / "brains" / "_addon")
    done = run_installed(site, "path", cwd=tmp_path)
    assert done.returncode == 1
    assert "install brains again" in done.stderr
