class_name Garb
extends Resource
## What somebody wears and carries, so that they are known from afar.

enum Hat { NONE, HELMET, CAP, STRAW, SCARF, HOOD, FEATHER }
enum Tool { NONE, SPEAR, SWORD, STAFF, BASKET, RAKE, BAG, AXE, TORCH, BOW }

const SKINS: Array[Color] = [
	Color(0.96, 0.8, 0.66), Color(0.87, 0.68, 0.51), Color(0.7, 0.5, 0.36), Color(0.55, 0.38, 0.27)
]
const HAIRS: Array[Color] = [
	Color(0.2, 0.15, 0.11),
	Color(0.42, 0.27, 0.15),
	Color(0.72, 0.55, 0.3),
	Color(0.55, 0.25, 0.13),
	Color(0.75, 0.74, 0.72),
]
const COATS: Array[Color] = [
	Color(0.55, 0.36, 0.24),
	Color(0.33, 0.45, 0.4),
	Color(0.5, 0.5, 0.36),
	Color(0.47, 0.38, 0.5),
	Color(0.62, 0.5, 0.34),
	Color(0.36, 0.42, 0.55),
]
## What words in a description look like: the first that fits is worn.
const HATS_BY_WORD: Dictionary[String, Hat] = {
	"masked": Hat.HOOD,
	"hood": Hat.HOOD,
	"black": Hat.HOOD,
	"cloth over his face": Hat.HOOD,
	"soldier": Hat.HELMET,
	"raiders": Hat.HELMET,
	"riders": Hat.HELMET,
	"swordsman": Hat.HELMET,
	"woman": Hat.SCARF,
	"midwife": Hat.SCARF,
	"girl": Hat.SCARF,
	"lady": Hat.FEATHER,
	"falconer": Hat.FEATHER,
	"page": Hat.FEATHER,
	"envoy": Hat.FEATHER,
	"pilgrim": Hat.STRAW,
	"ferryman": Hat.STRAW,
	"tinker": Hat.CAP,
	"smith": Hat.CAP,
	"sweep": Hat.CAP,
	"tanner": Hat.CAP,
	"boy": Hat.CAP,
}
const TOOLS_BY_WORD: Dictionary[String, Tool] = {
	"hatchet": Tool.AXE,
	"axes": Tool.AXE,
	"cudgel": Tool.AXE,
	"smith": Tool.AXE,
	"bow": Tool.BOW,
	"sword": Tool.SWORD,
	"killer": Tool.SWORD,
	"brothers": Tool.SWORD,
	"riders": Tool.SPEAR,
	"pitchforks": Tool.RAKE,
	"rebels": Tool.RAKE,
	"torch": Tool.TORCH,
	"basket": Tool.BASKET,
	"bundle": Tool.BASKET,
	"pilgrim": Tool.STAFF,
	"crutches": Tool.STAFF,
	"ferryman": Tool.STAFF,
	"tinker": Tool.BAG,
	"tanner": Tool.BAG,
	"cook": Tool.BAG,
}
const CROWDS: Array[String] = ["band", "troop", "crowd", "brothers"]

@export var coat: Color = Color(0.55, 0.36, 0.24)
@export var trim: Color = Color(0.3, 0.22, 0.16)
@export var hair: Color = Color(0.42, 0.27, 0.15)
@export var skin: Color = Color(0.96, 0.8, 0.66)
@export var hat: Hat = Hat.NONE
@export var hat_colour: Color = Color(0.6, 0.6, 0.62)
@export var tool: Tool = Tool.NONE
## A coat that reaches the ground.
@export var is_long: bool = false
@export var has_beard: bool = false
@export var has_apron: bool = false
## A coat of arms on the chest.
@export var has_arms: bool = false
## How many walk together.
@export var count: int = 1


## Returns what fits a description in words; the same words give the same clothes.
static func of(looks: String) -> Garb:
	var garb: Garb = Garb.new()
	var number: int = absi(looks.hash())
	garb.skin = SKINS[number % SKINS.size()]
	garb.hair = HAIRS[number / 7 % HAIRS.size()]
	garb.coat = COATS[number / 31 % COATS.size()]
	garb.trim = garb.coat.darkened(0.45)
	garb.hat_colour = garb.coat.darkened(0.25)
	garb.has_beard = " man" in looks or "bearded" in looks or "old soldier" in looks
	garb.is_long = "woman" in looks or "lady" in looks or "pilgrim" in looks or "midwife" in looks
	for word: String in HATS_BY_WORD:
		if word in looks:
			garb.hat = HATS_BY_WORD[word]
			break
	for word: String in TOOLS_BY_WORD:
		if word in looks:
			garb.tool = TOOLS_BY_WORD[word]
			break
	if garb.hat == Hat.HELMET:
		garb.hat_colour = Color(0.5, 0.5, 0.53)
	if "black" in looks:
		garb.coat = Color(0.16, 0.16, 0.19)
		garb.hat_colour = Color(0.1, 0.1, 0.13)
	for word: String in CROWDS:
		if word in looks:
			garb.count = 3
	return garb
