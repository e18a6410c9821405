"""A page of one HTML file: the templates of a package in a frame, with style and script inside."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def html_page(package: str, **values: Any) -> str:
    """Fill ``page.html`` of a package's templates, which extends ``frame.html`` beside this module.

    Style and script of the frame stand before ``page.css`` and ``page.js`` of the package.

    Args:
        package: whose folder ``templates`` has the three.
        values: what the template names; ``data``, which the script reads, among them.

    Returns:
        The HTML.
    """
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("bench.base")])
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        Markup("".join(loader.get_source(environment, name)[0] + "\n" for name in names))  # noqa: S704 (ours: taken as they are)
        for names in (("frame.css", "page.css"), ("frame.js", "page.js"))
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = environment.get_template("page.html")
    return template.render(style=style, script=script, script_digest=digest, **values)
