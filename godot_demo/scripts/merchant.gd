class_name Merchant
extends Actor
## Stands behind the stall, and treats customers as they deserve.

## What she sells: pence to begin with, and the least that she takes.
const GOODS: Dictionary[String, Vector2i] = {
	"rope": Vector2i(6, 4),
	"pie": Vector2i(2, 1),
	"lantern": Vector2i(5, 3),
}

## What each customer has been offered: pence by customer and goods.
var _prices: Dictionary[String, int] = {}


func _observe() -> Dictionary:
	var perceived: Dictionary = super()
	var goods: Array[Dictionary] = []
	for id: String in GOODS:
		var one: Dictionary = {"id": id, "name": id}
		one.merge({"price": GOODS[id].x, "lowest": GOODS[id].y})
		goods.append(one)
	perceived["goods"] = goods
	return perceived


func _carry_out(order: BrainOrder) -> void:
	var customer: Body = whom(order, "customer")
	if customer != null:
		turn_to(customer.position)
	match order.name:
		&"Serve":
			begin(order, "serves a customer", 1.2, _serve)
		&"Refuse":
			begin(order, "sends a customer away", 0.8, _refuse)
		&"Haggle":
			begin(order, "haggles with a customer", 1.0, _haggle)
		&"CallGuard":
			begin(order, "shouts for the guard", 1.0, _call_guard)
			speak("Guard! Guard!", Sight.SHOUT)
		&"TidyStall":
			begin(order, "tidies the stall", 2.5, _look_up, [home])
		_:
			super(order)


## Returns what something costs somebody.
func price_for(customer: Body, goods: String) -> int:
	return _prices.get("%s %s" % [customer.name, goods], GOODS[goods].x)


func _serve(order: BrainOrder) -> String:
	var customer: Body = whom(order, "customer")
	if customer == null:
		return Yard.GONE
	if customer is Player:
		return (customer as Player).buy(self)
	customer.take_leave("leaves with the goods")
	var is_robber: bool = customer is Visitor and (customer as Visitor).manner == "robber"
	return "they took the goods and did not pay" if is_robber else ""


func _refuse(order: BrainOrder) -> String:
	var customer: Body = whom(order, "customer")
	if customer == null:
		return Yard.GONE
	var visitor: Visitor = customer as Visitor
	if visitor != null and visitor.manner == "robber" and not visitor.is_answered:
		visitor.go_on()
		return "they do not go away"
	return customer.take_leave("leaves with empty hands")


func _haggle(order: BrainOrder) -> String:
	var customer: Body = whom(order, "customer")
	var price: int = order.params["price"]
	if customer == null:
		return Yard.GONE
	if customer is Player:
		var goods: String = (customer as Player).wants
		if not GOODS.has(goods):
			return "they want nothing"
		price = clampi(price, GOODS[goods].y, GOODS[goods].x)
		_prices["%s %s" % [customer.name, goods]] = price
		speak("%d pence for the %s, because it is you." % [price, goods])
	else:
		speak("%d pence, because it is you." % maxi(price, 1))
	return ""


func _call_guard(order: BrainOrder) -> String:
	var customer: Body = whom(order, "customer")
	if customer == null:
		return Yard.GONE
	yard.alert("%s shouts for the guard" % title, customer, Sight.SHOUT, position)
	customer.take_leave("runs off before the guard comes")
	return ""


func _look_up(_order: BrainOrder) -> String:
	turn_to(position + Vector2.DOWN)
	return ""
