"""What layers and methods cost: multiply-adds, memory and time.

Layers and methods come in; a profile goes out. It imports ``cells`` and what stands before it.
"""
