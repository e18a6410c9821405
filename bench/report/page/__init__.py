"""The page of a report: one HTML file that needs no network and no server."""

from bench.report.page.writing import write_page

__all__ = ["write_page"]
