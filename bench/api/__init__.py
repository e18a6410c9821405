"""The Python interface: what the commands do, for a notebook or a script.

Paths and names come in; arrays of NumPy and tables of pandas go out. It may import every room but
``commands``, which may import it. It has no options of its own, and keeps nothing that the commands
would not: a run that was begun here goes on under ``bench run``, and the other way round.

``volume``: a volume is opened. ``building``: its triplets are built. ``running``: cells are
computed. ``reading``: what runs left, as tables. ``repairing``: missing slices are filled, as
``repair_options`` says.

Nothing is printed. Where a function takes ``tell``, it is called with each line that the command
would show: ``tell=print``. What cannot be done raises ``UserError`` with the sentence that the
command would end with; a sentence calls the option ``grey_range`` ``--grey-range``.
"""

from bench.api.building import build
from bench.api.reading import Results, results
from bench.api.repairing import Repaired, repair
from bench.api.running import run
from bench.api.volume import Volume, open_volume
from bench.base.errors import UserError

__all__ = [
    "Repaired",
    "Results",
    "UserError",
    "Volume",
    "build",
    "open_volume",
    "repair",
    "results",
    "run",
]
