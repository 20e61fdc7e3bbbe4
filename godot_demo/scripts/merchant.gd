class_name Merchant
extends Actor
## Stands behind the stall, and treats customers as they deserve.


func _carry_out(order: BrainOrder) -> void:
	match order.name:
		&"Serve":
			begin(order, "serves a customer", 1.2, _serve)
		&"Refuse":
			begin(order, "sends a customer away", 0.8, _refuse)
		&"CallGuard":
			begin(order, "shouts for the guard", 1.0, _call_guard)
		&"TidyStall":
			begin(order, "tidies the stall", 2.5, _nothing_comes_of, [home])
		_:
			super(order)


func _serve(order: BrainOrder) -> String:
	var customer: Visitor = yard.find_visitor(order.params["customer"])
	if customer == null:
		return Yard.GONE
	customer.leave("leaves with the goods")
	return "they took the goods and did not pay" if customer.manner == "robber" else ""


func _refuse(order: BrainOrder) -> String:
	var customer: Visitor = yard.find_visitor(order.params["customer"])
	if customer == null:
		return Yard.GONE
	if customer.manner == "robber" and not customer.is_answered:
		customer.go_on()
		return "they do not go away"
	customer.leave("leaves with empty hands")
	return ""


func _call_guard(order: BrainOrder) -> String:
	var customer: Visitor = yard.find_visitor(order.params["customer"])
	if customer == null:
		return Yard.GONE
	customer.leave("runs off before the guard comes")
	return ""
