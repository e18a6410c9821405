"""What every room needs. Nothing here knows of electron microscopy.

Paths, words and numbers come in; whole files, locks, progress and plain errors go out. It imports
no other room.
"""
