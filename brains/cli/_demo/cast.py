"""Who comes into the castle yard, and what happens there: only words, so that the model has something to judge."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "CUSTOMERS",
    "HAPPENINGS",
    "LIGHTS",
    "PASSERS",
    "RUMOURS",
    "STRANGERS",
    "UNWATCHED",
    "WATCHED",
    "Line",
    "Visitor",
]

Manner = Literal["peaceful", "suspicious", "attacker", "horde", "buyer", "rude", "robber"]


class Line(msgspec.Struct, frozen=True):
    """What somebody does, and says while doing it."""

    does: str
    says: str = ""


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who comes through the gate."""

    manner: Manner
    looks: str
    first: Line
    then: Line
    """After the first line has had no effect, or in answer to the guard."""


def _visitor(manner: Manner, looks: str, does: str, says: str, then: str, then_says: str = "") -> Visitor:
    return Visitor(manner, looks, Line(does, says), Line(then, then_says))


STRANGERS = (
    _visitor("peaceful", "a grey-bearded pilgrim", "leans on his staff by the well", "May your hearth never go cold.",
             "drinks a cup of water", "I am on my way to the shrine."),
    _visitor("peaceful", "a woman with a basket of eggs", "sings on her way to the kitchen", "",
             "shows her eggs to the cook", "Laid this morning!"),
    _visitor("peaceful", "a boy with a kite", "runs laughing across the grass", "Look how high it flies!",
             "sits down and untangles the string"),
    _visitor("peaceful", "a chimney sweep", "carries his ladder to the hall", "Good day, sergeant!",
             "brushes the soot from his sleeves", "The steward has sent for me."),
    _visitor("peaceful", "a wheelwright", "rolls a new wheel to the coach house", "Fresh from the workshop.",
             "fits the wheel to the axle"),
    _visitor("peaceful", "a midwife with a bundle", "hurries to the servants' rooms", "It is a girl!",
             "smiles and shows the baby", "Her name is Rose."),
    _visitor("peaceful", "an old soldier on crutches", "warms his hands over the coals", "Cold today, eh?",
             "tells the children a story", "That was a long time ago."),
    _visitor("suspicious", "a man with a cloth over his face", "counts the soldiers on the wall", "",
             "slips a note under a door", "You have not seen me."),
    _visitor("suspicious", "an envoy without an escort", "walks past the sentry without a word", "",
             "refuses to show his letter", "I answer to nobody here."),
    _visitor("suspicious", "a tinker whom nobody knows", "tries the handle of the powder store", "Just looking.",
             "hides a key in his glove", "It was open already."),
    _visitor("attacker", "a man with a bloody hatchet", "runs at the guard", "I will split your skull!",
             "swings the hatchet at his head"),
    _visitor("attacker", "a deserter with a longbow", "shoots at the sentries", "Die, all of you!",
             "draws his bow again", "The next one is for you!"),
    _visitor("attacker", "a drunken swordsman", "slashes at the stable boys", "Who wants to bleed next?",
             "stumbles forward with his blade raised", "I will gut you!"),
    _visitor("attacker", "a woman with a burning torch", "sets the hay barn alight", "Ashes to ashes!",
             "throws the torch at the guard", "You will burn with it!"),
    _visitor("attacker", "a killer in black", "draws a poisoned dagger behind the steward", "",
             "stabs the steward in the back"),
    _visitor("attacker", "a raging smith", "beats the gatekeeper with a hammer", "You are a dead man!",
             "breaks the gatekeeper's arm"),
    _visitor("horde", "a band of raiders with axes", "breaks through the gate", "Put them all to the sword!",
             "sets the roofs on fire", "Leave nobody alive!"),
    _visitor("horde", "a troop of enemy riders", "charges into the yard with lances down", "No prisoners!",
             "rides down everyone in its way"),
    _visitor("horde", "a crowd of angry rebels", "storms the keep with pitchforks", "Hang the lord!",
             "drags the servants out of the hall", "Hang them all!"),
)  # fmt: skip

CUSTOMERS = (
    _visitor("buyer", "a tanner", "lays three coins beside the belts", "This one, please.",
             "waits for his change", "And a buckle for it."),
    _visitor("buyer", "a father with a full purse", "picks a woollen coat for his son", "I pay what you ask.",
             "counts the money out", "He grows so fast."),
    _visitor("buyer", "a bell-ringer", "asks for lamp oil and pays in silver", "",
             "holds out his can", "To the brim, please."),
    _visitor("buyer", "a kitchen boy", "reads out his list", "Flour, salt and a sieve, please.",
             "puts the money on the counter", "The cook sends this."),
    _visitor("buyer", "a lady in green velvet", "tries on a brooch", "It is lovely, I will take it.",
             "opens her purse", "How much is it?"),
    _visitor("buyer", "a ferryman", "puts down the money for a coil of rope", "Thank you, my friend.",
             "lifts the rope onto his shoulder"),
    _visitor("rude", "a sneering page", "spits on the carpets", "Junk! You are a cheat and a fool.",
             "pulls a face at the merchant", "Cheat! Cheat!"),
    _visitor("rude", "a fat notary", "knocks the hat off the merchant's head", "Serve me, you stupid toad!",
             "bangs on the counter", "Are you deaf as well as ugly?"),
    _visitor("rude", "a haughty falconer", "throws a boot at the merchant", "Your wares stink as you do.",
             "laughs out loud", "Only a donkey would buy this."),
    _visitor("rude", "a tipsy drummer", "insults everyone in the queue", "And you are the worst, you old crook!",
             "pours beer over the gloves", "Filth for filth."),
    _visitor("robber", "a man with a cudgel", "smashes the shutters", "The money, or I break your legs!",
             "empties the drawer into his bag"),
    _visitor("robber", "a girl in rags", "hides a bracelet in her boot", "",
             "fills her apron with stolen spoons"),
    _visitor("robber", "one of two masked brothers", "holds a knife to the merchant's throat", "Open the strongbox!",
             "ties the merchant to his chair", "Not a sound."),
    _visitor("robber", "a scarred vagabond", "grabs a ham and runs", "",
             "pulls a knife on the people who follow him", "Stay back!"),
)  # fmt: skip

HAPPENINGS = (
    "a runaway team of horses gallops straight at you",
    "your aunt from the coast climbs out of the coach",
    "the trough is empty and the horses are thirsty",
    "the scaffold crashes down on the masons",
    "an old comrade hugs you",
    "three sacks of grain must be carried to the loft",
    "a chained bear tears itself loose and roars",
    "the new neighbour tells you her name",
    "the yard is full of mud and needs to be swept",
    "a burning beam falls from the roof",
    "the chaplain wishes you a blessed day",
    "the geese must be driven into their pen",
    "men with knives jump over the hedge",
    "your godfather waves from the gate",
    "the firewood has not been stacked",
    "the powder store explodes",
    "a pedlar lifts his cap and smiles at you",
    "the cheese has to be turned",
    "the dam breaks and the water rushes in",
    "your little nephew runs up to you with a daisy",
    "a pile of dirty clothes lies beside the tub",
    "a rabid fox bites the children",
    "the cobbler asks how your family is",
    "the turnips must be dug up before the frost",
)

RUMOURS = (
    "the king has pardoned all debtors",
    "the bailiff will take every second pig",
    "the lost fishing boats have come back",
    "lightning has killed the bell-ringer",
    "the carter's wife had twins and all are well",
    "pirates have burned the harbour",
    "the feast will last for three days",
    "the flour is full of worms",
    "a rich uncle left the orphans his farm",
    "two children have drowned in the lake",
    "the fever is gone from the valley",
    "the grain ships have sunk in the storm",
    "the tolls are abolished",
    "a murderer has escaped from the dungeon",
    "our archers have won the contest",
    "frost has killed the vines",
    "the spring gives water again",
    "the old queen is dying",
    "the duke pays for a new roof on the hospital",
    "the wolves have eaten the shepherd's dog",
)

LIGHTS = ("at dawn", "in the morning", "at noon", "in the rain", "at dusk", "in the fog", "at night")

PASSERS = (
    "a miller white with flour", "a bishop on a mule", "a fisherman with a dripping net", "a lady in a velvet gown",
    "three noisy apprentices", "a tired stonemason", "a piper with a drum", "a cook with a goose",
    "a squire in new boots", "a shivering orphan", "a clerk with inky fingers", "a beekeeper with a jar",
)  # fmt: skip
"""Who walks by the stall without buying."""

UNWATCHED = (
    ("has gone off to eat his supper", "has stepped out for a while"),
    ("is asleep in the hay", "is fast asleep under the counter"),
    ("has left for the night", "has gone and left his purse behind"),
    ("chases a pig down the road", "takes a nap in the sun"),
    ("is away with the hunters", "has gone to the baker"),
    ("sleeps with his helmet over his face", "looks for his cat in the cellar"),
    ("is drunk in the kitchen", "has gone home early"),
)
"""What the guard and the merchant do when nobody looks."""

WATCHED = (
    ("marches up and down before the stall", "keeps an eye on every hand"),
    ("looks the thief up and down", "stands in front of the strongbox"),
    ("stands two steps away with his hand on his sword", "keeps staring at the thief"),
    ("looks into every face in the yard", "holds his purse tightly"),
    ("has his eyes on the thief's hands", "counts his rings one by one"),
    ("turns his lantern on the stall", "has called his two sons to stand watch"),
    ("follows the thief at a distance", "tells the guard about the thief"),
)
"""What they do when somebody does."""
