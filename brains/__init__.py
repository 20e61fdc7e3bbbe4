"""Behaviour-tree brains for Godot agents, with LLM leaves on a local model."""
