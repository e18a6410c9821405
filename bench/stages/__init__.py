"""What is done to a cell: train, predict, score, segment."""
