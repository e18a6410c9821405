"""A volume becomes ``triplets.h5``: aligned, cut into tiles, rejected, split and written.

Volumes and options come in; a file of triplets goes out. It imports ``base`` and ``volumes``.
"""
