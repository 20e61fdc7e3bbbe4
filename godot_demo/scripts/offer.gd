class_name Offer
extends RefCounted
## Finds the sum in what a customer says: "4 pence", "ten coins", "I give you five for it".

## Each stands for its place in the list.
const NUMBERS: PackedStringArray = [
	"no",
	"one",
	"two",
	"three",
	"four",
	"five",
	"six",
	"seven",
	"eight",
	"nine",
	"ten",
	"eleven",
	"twelve",
]
const COINS: String = "(?:pence|penny|pennies|coins?)"
## Words after which a number is a sum, if no goods follow.
const BEFORE: String = "(?:give(?: you)?|offer(?: you)?|pay(?: you)?|say|have(?: only)?)"


## Returns the pence that a line offers; 0 if it names no sum. "A rope" and "one rope" are none.
static func pence_in(line: String) -> int:
	var plain: String = "(\\d{1,3}|%s)" % "|".join(NUMBERS.slice(1))
	var number: String = "(\\d{1,3}|an?|%s)" % "|".join(NUMBERS.slice(1))
	var goods: String = "|".join(Merchant.GOODS.keys())
	for pattern: String in [
		"\\b%s (?:\\w+ )?%s\\b" % [number, COINS],
		"\\b%s %s\\b(?! (?:\\w+ )?(?:%s))" % [BEFORE, plain, goods],
		"\\bfor %s\\W*$" % plain,
		"(\\d{1,3})",
	]:
		var found: RegExMatch = RegEx.create_from_string(pattern).search(line.to_lower())
		if found != null:
			return _value_of(found.get_string(1))
	return 0


static func _value_of(number: String) -> int:
	if number in ["a", "an"]:
		return 1
	return int(number) if number.is_valid_int() else NUMBERS.find(number)
