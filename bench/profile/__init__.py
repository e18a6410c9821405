"""What layers and methods cost: multiply-adds, memory and time.

Layers and methods come in; a profile goes out. It may import ``run`` and the rooms before it.
"""
