"""A source on disk becomes grey slices and labels.

Files, folders and cards come in; 8-bit slices with their voxel size, holes and labels go out.
It imports ``base``.
"""
