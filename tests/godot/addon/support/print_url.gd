extends SceneTree
## Prints where the addon looks for the server, as its command line, environment and settings say.


func _initialize() -> void:
	print("the server is at ", BrainsSettings.server_url())
	quit()
