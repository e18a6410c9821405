"""What every room needs and knows nothing of electron microscopy.

Errors, files and locks, the device, memory, progress. It imports no other room.
"""
