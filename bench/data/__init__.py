"""From an EM volume to triplets."""
