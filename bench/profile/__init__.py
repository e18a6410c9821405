"""What layers and methods cost: parameters, multiply-adds, peak memory, run time."""
