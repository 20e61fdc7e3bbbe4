"""The console: what people type, on a tree that is ticked on command."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import py_trees
import pytest
from py_trees.behaviour import Behaviour
from py_trees.blackboard import Blackboard
from py_trees.common import Status

from brains.cli._debug.console import Console
from brains.cli._debug.failing import CommandFailed, Quit
from brains.cli._debug.lines import completions
from brains.cli._debug.link import LocalLink
from brains.cli._debug.out import Out, OutputClosed
from brains.cli._debug.running import run_script, startup
from brains.debugger import Debugger
from brains.debugger.local import TreeHost

# A front end may look at the current folder: nobody else waits for its event loop.
pytestmark = pytest.mark.may_block


class Moody(Behaviour):
    """Fails in every third tick, and raises in the seventh."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.count = 0

    def update(self) -> Status:
        self.count += 1
        if self.count == 7:
            raise RuntimeError("in the \x1b[31mseventh")
        return Status.FAILURE if self.count % 3 == 0 else Status.SUCCESS


def root() -> Behaviour:
    """A selector over a sequence and a leaf that runs."""
    work = py_trees.composites.Sequence("Work", memory=False)
    work.add_children([Moody("Look around"), Moody("Act")])
    top = py_trees.composites.Selector("Top", memory=False)
    top.add_children([work, py_trees.behaviours.Running("Rest")])
    return top


class Screen:
    """What was printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        self.lines.append(text)

    def take(self) -> str:
        text, self.lines = "\n".join(self.lines), []
        return text

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.take().splitlines()]


@contextlib.asynccontextmanager
async def at_a_tree(*, as_json: bool = False, **options: Any) -> AsyncIterator[tuple[Console, Screen]]:
    """A console at the tree, standing before its first node."""
    screen = Screen()
    link = LocalLink(Debugger(TreeHost(root, "tree")), "you")
    out = Out(as_json=as_json, write=screen.write, colour=False)
    console = Console(link, out, **{"timeout": 5.0, **options})
    await console.start()
    await link.start(events=True)
    try:
        await console.run("agent tree")
        yield console, screen
    finally:
        await console.close()


async def test_it_begins_before_the_first_node_and_steps() -> None:
    async with at_a_tree() as (console, screen):
        assert screen.take().startswith("tree tick 1 (0.00 s): before Top (Selector)")
        await console.run("step ;; s ;; s --any")
        assert [line for line in screen.take().splitlines() if line.startswith("tree")] == [
            "tree tick 1 (0.00 s): before Work (Sequence)  [step]",
            "tree tick 1 (0.00 s): before Look around (Moody)  [step]",
            "tree tick 1 (0.00 s): after Look around (Moody) ✓ SUCCESS  [step]",
        ]
        await console.run("finish")
        assert "after Work (Sequence) ✓ SUCCESS" in screen.take()
        await console.run("tick 2")
        assert "tree tick 2 (0.10 s): between ticks, SUCCESS" in screen.take()


async def test_a_sticky_tree_is_drawn_after_each_stop_with_where_it_stands() -> None:
    async with at_a_tree(sticky=True, interactive=True) as (console, screen):
        screen.take()
        await console.run("step 2")
        drawn, stop = screen.take().split("\n\n")
        assert drawn.splitlines() == [
            "   · Top",
            "     · Work",
            "->     · Look around",
            "       · Act",
            "     · Rest",
        ]
        assert stop.startswith("tree tick 1 (0.00 s): before Look around (Moody)  [step]")
        await console.run("sticky off ;; step")
        assert "->" not in screen.take()


async def test_an_empty_line_repeats_for_a_person_only() -> None:
    async with at_a_tree(interactive=True) as (console, screen):
        await console.run("s")
        await console.run("")
        assert "before Look around" in screen.take()
    async with at_a_tree() as (console, screen):
        await console.run("s")
        screen.take()
        await console.run("")
        await console.run("  # a comment")
        assert screen.take() == ""


async def test_breakpoints_with_conditions_counts_and_commands() -> None:
    async with at_a_tree() as (console, screen):
        await console.run("break */Act:failure if tick > 3")
        assert "1 node tree:*/Act at failure if tick > 3  matches tree:Top/Work/Act" in screen.take()
        await console.run("commands 1 print tick ;; where")
        screen.take()
        await console.run("continue")
        text = screen.take()
        assert "after Act (Moody) ✗ FAILURE  [breakpoint 1]" in text
        assert "\n4\n" in text, "its commands have run"
        assert "Top  Selector" in text
        await console.run("ignore 1 1 ;; disable 1 ;; break")
        assert "(disabled, ignores the next 1, hit once, then print tick ;; where)" in screen.take()
        await console.run("delete")
        assert screen.take() == "deleted 1"


async def test_what_follows_a_stop_may_let_it_run_on() -> None:
    async with at_a_tree() as (console, screen):
        await console.run("break */Act ;; commands 1 continue")
        await console.run("tbreak */Rest")
        await console.run("continue")
        text = screen.take()
        assert text.count("[breakpoint 1]") == 2
        assert text.rstrip().splitlines()[-3].startswith("tree tick 3"), "at Rest, since the third look fails"


async def test_log_points_print_and_do_not_stop() -> None:
    async with at_a_tree() as (console, screen):
        await console.run('log */Act:exit "{{ node.name }} gave {{ node.status }}"')
        screen.take()
        await console.run("tick 2")
        assert screen.take().splitlines()[:2] == ["tree: Act gave SUCCESS"] * 2


async def test_values_are_printed_displayed_on_change_set_and_watched() -> None:
    async with at_a_tree() as (console, screen):
        await console.run('set alarm true ;; set goal {"at": [1, 2]} ;; bb')
        assert '* goal = {"at":[1,2]}' in screen.take().splitlines()
        await console.run("print blackboard.goal.at[1] + 1")
        assert screen.take() == "3"
        await console.run("display tick ;; display blackboard.alarm")
        screen.take()
        await console.run("tick ;; step ;; step")
        text = screen.take()
        assert text.count("tick = 2") == 1, "shown when it has changed"
        assert "alarm" not in text
        await console.run("watch blackboard.alarm")
        await console.run("set alarm false")
        await console.run("continue")
        assert "data breakpoint" in screen.take()
        await console.run("undisplay ;; display")
        assert "nothing is displayed" in screen.take()


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_text_that_is_none_is_shown_all_the_same(as_json: bool) -> None:
    async with at_a_tree(as_json=as_json) as (console, screen):
        Blackboard.set("name", "Ana \udcff")
        try:
            await console.run("bb /name")
        finally:
            Blackboard.unset("/name")
        assert "Ana \ufffd" in screen.take()
        with pytest.raises(CommandFailed):
            await console.run("set deep " + "[" * 10_000)


async def test_a_result_is_forced_and_a_tree_shows_it() -> None:
    async with at_a_tree() as (console, screen):
        await console.run("force Look around failure")
        await console.run("tree")
        assert "forced to FAILURE" in screen.take()
        await console.run("break */Rest ;; c ;; why")
        assert "✗ Look around" in screen.take()
        await console.run("up ;; tree")
        assert screen.take().splitlines()[-1].strip("-> ·▶").startswith("Rest")
        with pytest.raises(CommandFailed):
            await console.run("force Look around maybe")
        assert "one of success, failure, running, none" in screen.take()


async def test_a_leaf_that_raises_is_shown_and_the_agent_goes_on() -> None:
    async with at_a_tree() as (console, screen):
        await console.run("break error ;; continue")
        text = screen.take()
        assert "exception" in text
        assert "in the seventh" in text, "and it moves no cursor"
        await console.run("tick 2")
        assert "between ticks" in screen.take()


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        ("brake x", "usage", "did you mean 'break'?"),
        ("break Akt", "unknown_node", "did you mean"),
        ("tree Akt", "unknown_node", "did you mean"),
        ("agent tre", "unknown_agent", "did you mean 'tree'?"),
        ("break Act if tick >", "bad_expression", "tick >"),
        ("print nothing_there", "bad_expression", "nothing_there"),
        ("print ().__class__.__mro__", "bad_expression", ""),
        ("set x nonsense", "usage", '"nonsense"'),
        ("prompt Act", "no_prompt", "asks no model"),
        ("step -1", "usage", ""),
        ("goto 99", "unknown_tick", ""),
        ("source nowhere.txt", "file", "nowhere.txt"),
        ("1", "usage", "is no command"),
        ("delete 7", "unknown_breakpoint", "7"),
        ("record off", "unsupported", ""),
    ],
)
async def test_what_is_wrong_is_said_with_its_kind_and_what_to_do(line: str, kind: str, said: str) -> None:
    async with at_a_tree(as_json=True) as (console, screen):
        screen.take()
        with pytest.raises(CommandFailed) as caught:
            await console.run(line)
        (told,) = screen.objects()
        assert caught.value.kind == kind
        assert (told["ok"], told["error"]["kind"]) == (False, kind)
        assert said in told["error"]["message"] + told["error"].get("hint", "")


async def test_json_is_one_object_per_answer_and_stop_and_nothing_else() -> None:
    async with at_a_tree(as_json=True) as (console, screen):
        screen.take()
        await console.run("step ;; where ;; tree ;; history ;; help ;; help step ;; alias x s ;; sticky")
        names = [one.get("event") or one["command"] for one in screen.objects()]
        assert [name for name in names if name not in ("continued", "released", "held")] == [
            "stopped", "step", "where", "tree", "history", "help", "help", "alias", "sticky",
        ]  # fmt: skip


async def test_aliases_take_words_and_do_not_lead_to_themselves() -> None:
    async with at_a_tree() as (console, screen):
        await console.run("alias bt break %1 if tick > %2")
        await console.run("bt */Act 3 ;; break")
        assert "if tick > 3" in screen.take()
        await console.run("alias again step %*")
        await console.run("again")
        assert "before Work" in screen.take()
        await console.run("alias me me")
        for line in ("me", "bt x"):
            with pytest.raises(CommandFailed):
                await console.run(line)


async def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "tree.brains"
    async with at_a_tree() as (console, screen):
        await console.run("break */Act:exit if tick > 2")
        await console.run('log */Rest --once "it\'s {{ tick }}"')
        await console.run("watch blackboard.alarm ;; break model-error ;; disable 4 ;; commands 1 where")
        await console.run("display tick ;; alias go continue")
        await console.run("break")
        before = screen.take().splitlines()[-4:]
        await console.run(f"save {file}")
    async with at_a_tree() as (console, screen):
        await console.run(f"source {file} ;; break")
        assert screen.take().splitlines()[-4:] == before
        assert (list(console.displays), console.aliases) == (["tick"], {"go": "continue"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; the home folder is the one above it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(folder)
    return folder


async def test_a_startup_file_of_the_folder_may_not_write_files(tmp_path: Path, here: Path) -> None:
    (tmp_path / ".brainsrc").write_text(f"alias a step\nsave {tmp_path / 'mine'}\n")
    (here / ".brainsrc").write_text(f"# ours\nalias b step\n\nsave {tmp_path / 'theirs'}\nalias c step\n")
    async with at_a_tree() as (console, screen):
        await startup(console)
        assert list(console.aliases) == ["a", "b"]
        assert (tmp_path / "mine").exists()
        assert not (tmp_path / "theirs").exists()
        assert f"that was in {here / '.brainsrc'}" in screen.take()


async def test_what_the_folder_has_put_into_an_alias_or_after_a_breakpoint_may_not_write_files_either(
    tmp_path: Path, here: Path
) -> None:
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    (here / "more").write_text(f"save {theirs}\n")
    (here / ".brainsrc").write_text(
        f"alias next save {theirs}\nalias a b\nalias b source {here / 'more'}\n"
        f"break */Act\ncommands 1 save {theirs}\nalias again save %1\n"
    )
    async with at_a_tree() as (console, screen):
        await startup(console)
        for line in ("next", "a", "b", f"again {mine}"):
            with pytest.raises(CommandFailed):
                await console.run(line)
        screen.take()
        await console.run("continue")
        assert "a startup file may not write files" in screen.take()
        assert not theirs.exists()
        await console.run("alias again save %1")
        await console.run(f"again {mine}")
        assert mine.exists(), "whoever sets it anew may"
        await console.run(f"commands 1 save {theirs}")
        await console.run("continue")
        assert theirs.exists()


async def test_a_script_ends_at_its_first_error_unless_told_otherwise() -> None:
    for keep_going, last in ((False, "no node 'nowhere'"), (True, "3")):
        async with at_a_tree() as (console, screen):
            code = await run_script(
                console, ["tree nowhere", "print 1 + 2", "quit", "step"], None, keep_going=keep_going
            )
            assert code == 1
            assert last in screen.take().splitlines()[-1]
    async with at_a_tree() as (console, _):
        assert await run_script(console, ["step", "sdep"], None, keep_going=False) == 2
    async with at_a_tree() as (console, _):
        assert await run_script(console, ["step"], None, keep_going=False) == 0


async def test_a_script_does_not_wait_for_ever() -> None:
    async with at_a_tree(as_json=True, timeout=0.05) as (console, screen):
        screen.take()
        assert await run_script(console, ["break */nowhere", "continue"], None, keep_going=True) == 1
        assert screen.objects()[-1]["error"]["kind"] == "timeout"
    async with at_a_tree() as (console, screen):
        await console.run("continue")
        assert "nothing will stop it" in screen.take()


async def test_ctrl_c_pauses_the_agent_and_not_the_program() -> None:
    async with at_a_tree(interactive=True) as (console, screen):
        running = asyncio.create_task(console.run("continue"))
        while console.stop is not None:  # noqa: ASYNC110 - it is about to go on
            await asyncio.sleep(0)
        assert await console.interrupt()
        await running
        assert "[pause]" in screen.take()
        assert not await console.interrupt(), "it stands already"


async def test_tab_completes_commands_nodes_keys_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.brains").touch()
    async with at_a_tree() as (console, _):
        assert (await completions(console, "con")) == (["condition", "continue"], "con")
        names, typed = await completions(console, "where ;; tree Top/W")
        assert typed == "Top/W"
        assert "Top/Work/Look around" in names
        assert (await completions(console, "help st"))[0] == ["step", "stepback", "sticky"]
        assert (await completions(console, "source no"))[0] == ["notes.brains"]
        assert (await completions(console, "agent t"))[0] == ["tree"]
        assert (await completions(console, "nonsense x"))[0] == []


async def test_the_reader_of_our_output_may_go() -> None:
    async with at_a_tree() as (console, screen):
        screen.take()

        def gone(text: str) -> None:
            raise OutputClosed

        console.out.write = gone
        with pytest.raises(OutputClosed):
            await console.run("step ;; step")


async def test_leaving_ends_the_conversation() -> None:
    async with at_a_tree() as (console, _):
        with pytest.raises(Quit):
            await console.run("quit")
        await console.run("detach")
        assert console.prompt == "(brains) "


async def test_a_script_takes_a_stop_for_its_own_that_came_before_it_said_continue() -> None:
    async with at_a_tree() as (console, _):
        await console.run("continue &")
        await console.run("break */Rest")
        async with asyncio.timeout(5):
            while console.stop is None or console.stop.get("node") != "Rest":  # noqa: ASYNC110 - it comes by itself
                await asyncio.sleep(0)
        tick = console.stop["tick"]
        await console.run("continue")
        assert console.stop is not None
        assert console.stop["tick"] == tick, "it has not been let by"
        await console.run("continue")
        assert console.stop["tick"] > tick


class LateLink(LocalLink):
    """News comes later than answers, as it may over a socket."""

    def __init__(self, debugger: Debugger, name: str) -> None:
        super().__init__(debugger, name)
        self.news: list[dict[str, Any]] = []
        self.is_late = False

    def _flush(self) -> None:
        tell = self.on_event
        self.on_event = self.news.append
        super()._flush()
        self.on_event = tell
        if not self.is_late:
            self.tell()

    def tell(self) -> None:
        """Tell what is old by now."""
        news, self.news = self.news, []
        for event in news:
            self.on_event(event)


async def test_a_stop_of_which_the_news_is_late_is_waited_for_and_not_passed() -> None:
    debugger = Debugger(TreeHost(root, "tree"))
    link = LateLink(debugger, "you")
    console = Console(link, Out(as_json=False, write=Screen().write, colour=False), timeout=5.0)
    await console.start()
    await link.start(events=True)
    await console.run("agent tree")
    link.is_late = True
    await console.run("continue &")
    await console.run("break */Rest")
    async with asyncio.timeout(5):
        while not any(event["event"] == "stopped" for event in link.news):  # noqa: ASYNC110 - it comes by itself
            await asyncio.sleep(0)
    (stop,) = (event["body"] for event in link.news if event["event"] == "stopped")
    going = asyncio.create_task(console.run("continue"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not going.done(), "it has not been heard of"
    later = [event["event"] for event in link.news][link.news.index({"event": "stopped", "body": stop}) :]
    assert "continued" not in later
    link.is_late = False
    link.tell()
    await going
    assert console.stop is not None
    assert (console.stop["node"], console.stop["tick"]) == ("Rest", stop["tick"])
    # Whoever goes on then waits for the next stop, though the news of it, too, comes after the answer.
    link.is_late = True
    stepping = asyncio.create_task(console.run("step ;; tick"))
    for _ in range(200):
        await asyncio.sleep(0)
        link.tell()
    await stepping
    assert console.stop["phase"] == "tick"
    assert console.stop["number"] == stop["number"] + 2
    await console.run("pause")
    assert console.stop["number"] == stop["number"] + 2, "it stands already"
    await console.close()
