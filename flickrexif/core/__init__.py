"""What every part shares; it imports nothing of ours."""
