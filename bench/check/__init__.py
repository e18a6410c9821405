"""Guards: the gate over figures, the digests of the store, what every method promises.

Results and a baseline come in; findings go out. It may import ``run`` and the rooms
before it.
"""
