class_name Sounds
extends Node2D
## Sounds that are made by sums: steps, a door, a bell, a bark, a blade.
##
## M (the action [code]mute[/code]) switches them off and on.

## A sound begins, or would if there were anything to hear it with.
signal played(what: StringName)

const RATE: int = 22050
const VOICES: int = 8
## Quietest first; in decibels.
const VOLUMES: Dictionary[StringName, float] = {
	&"step": -24.0,
	&"page": -14.0,
	&"coins": -10.0,
	&"door": -8.0,
	&"bark": -10.0,
	&"clash": -9.0,
	&"horn": -10.0,
	&"bell": -7.0,
	&"win": -8.0,
}

var is_muted: bool = false

var _made: Dictionary[StringName, AudioStreamWAV] = {}
var _voices: Array[AudioStreamPlayer2D] = []
var _next: int = 0


func _ready() -> void:
	for voice: int in VOICES:
		var player: AudioStreamPlayer2D = AudioStreamPlayer2D.new()
		player.max_distance = 1600.0
		player.attenuation = 1.6
		add_child(player)
		_voices.append(player)


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"mute"):
		is_muted = not is_muted
		if is_muted:
			for voice: AudioStreamPlayer2D in _voices:
				voice.stop()


## Plays a sound somewhere in the yard.
func play(what: StringName, at: Vector2) -> void:
	if is_muted:
		return
	played.emit(what)
	if AudioServer.get_driver_name() == "Dummy":
		return
	if not _made.has(what):
		_made[what] = make(what)
	var voice: AudioStreamPlayer2D = _voices[_next]
	_next = (_next + 1) % VOICES
	voice.stream = _made[what]
	voice.position = at
	voice.volume_db = VOLUMES[what]
	voice.pitch_scale = randf_range(0.94, 1.06)
	voice.play()


## Returns a sound as a stream.
static func make(what: StringName) -> AudioStreamWAV:
	var wave: Callable = _wave_of(what)
	var seconds: float = {&"step": 0.09, &"bell": 2.4, &"horn": 1.1, &"win": 1.6}.get(what, 0.4)
	var count: int = int(seconds * RATE)
	var data: PackedByteArray = []
	data.resize(count * 2)
	for index: int in count:
		var value: float = wave.call(float(index) / RATE, seconds)
		data.encode_s16(index * 2, int(clampf(value, -1.0, 1.0) * 32000.0))
	var stream: AudioStreamWAV = AudioStreamWAV.new()
	stream.format = AudioStreamWAV.FORMAT_16_BITS
	stream.mix_rate = RATE
	stream.data = data
	return stream


static func _wave_of(what: StringName) -> Callable:
	match what:
		&"step":
			return func(t: float, s: float) -> float: return _noise(t, 900.0) * _fall(t, s, 6.0)
		&"page":
			return func(t: float, s: float) -> float: return _noise(t, 5000.0) * _fall(t, s, 4.0)
		&"coins":
			return func(t: float, s: float) -> float:
				var second: float = 0.0 if t < 0.09 else _sine(t, 3100.0) * _fall(t - 0.09, s, 9.0)
				return 0.4 * (_sine(t, 2500.0) * _fall(t, s, 12.0) + second)
		&"door":
			return func(t: float, s: float) -> float:
				var creak: float = _saw(t, 90.0 + 60.0 * sin(t * 9.0)) * 0.25
				return (creak + _noise(t, 300.0) * 0.5) * _fall(t, s, 2.0)
		&"bark":
			return func(t: float, s: float) -> float:
				var again: float = fmod(t, 0.2)
				var voice: float = _saw(again, 320.0 - 700.0 * again) + _noise(t, 2400.0) * 0.5
				return 0.6 * voice * _fall(again, s, 8.0)
		&"clash":
			return func(t: float, s: float) -> float:
				var ring: float = _sine(t, 2310.0) + _sine(t, 3777.0) + _sine(t, 5290.0)
				return (0.25 * ring + _noise(t, 7000.0) * 0.4) * _fall(t, s, 7.0)
		&"horn":
			return func(t: float, s: float) -> float:
				var tone: float = _saw(t, 196.0) + 0.6 * _saw(t, 294.0)
				return 0.3 * tone * minf(1.0, t * 12.0) * minf(1.0, (s - t) * 6.0)
		&"win":
			return func(t: float, s: float) -> float:
				var notes: Array[float] = [392.0, 494.0, 587.0, 784.0]
				var note: float = notes[mini(int(t / 0.22), 3)]
				return 0.4 * (_sine(t, note) + 0.4 * _sine(t, note * 2.0)) * _fall(t, s, 1.2)
		_:
			return func(t: float, s: float) -> float:
				var ring: float = _sine(t, 440.0) + 0.6 * _sine(t, 884.0) + 0.4 * _sine(t, 1327.0)
				return 0.4 * ring * _fall(t, s, 2.2)


static func _sine(t: float, hertz: float) -> float:
	return sin(TAU * t * hertz)


static func _saw(t: float, hertz: float) -> float:
	return fmod(t * hertz, 1.0) * 2.0 - 1.0


## Noise that changes so many times a second: the fewer, the duller.
static func _noise(t: float, hertz: float) -> float:
	return fmod(absf(sin(floorf(t * hertz) * 12.9898) * 43758.5453), 1.0) * 2.0 - 1.0


static func _fall(t: float, seconds: float, speed: float) -> float:
	return exp(-speed * t) * minf(1.0, (seconds - t) * 40.0)
