"""What a cell left on disk: its record, its weights, its checkpoint.

Documents and tensors come in and go out, checked by their digests; ``facts`` says what stages
write into a record. It may import ``base``.
"""
