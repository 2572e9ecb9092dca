"""The reference evaluator: what a frozen encoder knows about the camera."""
