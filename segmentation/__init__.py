"""What a slice is worth downstream: its membranes."""
