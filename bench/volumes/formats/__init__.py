"""How each kind of file is read: its axes, its polarity, its voxel size, its numbering."""
