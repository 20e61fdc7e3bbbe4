extends Node
## The main scene: starts the runner beside itself, since a test may change the scene.

const RUNNER := preload("res://tests/runner/runner.gd")


func _ready() -> void:
	var runner: Node = RUNNER.new()
	runner.name = "Runner"
	get_tree().root.add_child.call_deferred(runner)
