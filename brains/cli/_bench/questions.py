"""The question that the benchmark asks over and over, about another visitor each time."""

from __future__ import annotations

from brains.questions import Question, RenderedPrompt, Turn

__all__ = ["EXAMPLES", "SYSTEM", "VISITORS", "ask_of", "state_first", "visitor"]

SYSTEM = "Label each visitor of the castle as danger or safe."
EXAMPLES = (
    ("a robber with a club, who grins", "danger"),
    ("a girl with flowers, who curtsies", "safe"),
    ("a baker with warm bread, who whistles", "safe"),
    ("a masked man with a knife, who whispers", "danger"),
    ("a monk with a candle, who prays", "safe"),
    ("a wolf with bloody teeth, who growls", "danger"),
    ("a farmer with a goat, who waves", "safe"),
    ("a pirate with a pistol, who curses", "danger"),
    ("a bandit with a torch, who shouts", "danger"),
    ("a fiddler with a fiddle, who sings", "safe"),
    ("an assassin with poison, who sneaks", "danger"),
    ("a grandmother with a basket, who smiles", "safe"),
)
_WHO = (
    "soldier",
    "merchant",
    "beggar",
    "knight",
    "hunter",
    "sailor",
    "tinker",
    "shepherd",
    "miller",
    "stranger",
    "smith",
)
_WITH = (
    "an axe",
    "a sack",
    "a lute",
    "a spear",
    "a barrel",
    "a letter",
    "a rope",
    "a lamp",
    "a dog",
    "a cart",
    "a hood",
)
_DOES = (
    "laughs",
    "runs",
    "bows",
    "spits",
    "limps",
    "stares",
    "hides",
    "yawns",
    "knocks",
    "begs",
    "swears",
    "nods",
    "hums",
)
VISITORS = len(_WHO) * len(_WITH) * len(_DOES)
"""After so many, they come again."""
LABELS = ("danger", "safe")


def visitor(number: int) -> str:
    """Return what a guard sees; no two of the first `VISITORS` are alike."""
    rest, who = divmod(number, len(_WHO))
    rest, thing = divmod(rest, len(_WITH))
    return f"a {_WHO[who]} with {_WITH[thing]}, who {_DOES[rest % len(_DOES)]}"


def ask_of(number: int, *, agent: str = "guard", template: int = 0, timeout: float | None = None) -> Question:
    """Return the question about one visitor; another `template` turns the examples round, and so begins otherwise."""
    turn = template % len(EXAMPLES)
    turns = tuple(Turn(user, answer) for user, answer in (*EXAMPLES[turn:], *EXAMPLES[:turn]))
    prompt = RenderedPrompt(
        name=f"bench/{template}", version=f"{template}", system=SYSTEM, turns=turns, user=visitor(number)
    )
    return Question(session="bench", agent=agent, leaf="danger?", prompt=prompt, labels=LABELS, timeout=timeout)


def state_first(question: Question) -> str:
    """Return the same prompt with the state before the examples, as prompts grow that nobody has ordered."""
    prompt = question.prompt
    lines = "".join(f"{turn.user} -> {turn.answer}\n" for turn in prompt.turns)
    return f"The visitor is {prompt.user}.\n{prompt.system}\n\n{lines}the visitor ->"
