"""The page of a repair: what was filled, the worst first; it needs no network and no server."""

from bench.repair.page.writing import write_page

__all__ = ["write_page"]
