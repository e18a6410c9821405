"""What a cell left on disk: its record, its weights, its checkpoint.

Documents and tensors come in and go out, checked by their digests. It imports ``base``.
"""
