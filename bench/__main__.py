"""``python -m bench`` is the same as ``bench``."""

from bench.commands.main import main

main()
