"""A page of one HTML file: the templates of a package, with their style and script inside."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def html_page(package: str, **values: Any) -> str:
    """Fill ``page.html`` of a package's templates; it gets ``page.css`` and ``page.js`` beside it.

    Args:
        package: whose folder ``templates`` has the three.
        values: what the template names; ``script_digest`` is the script's, for the page's policy.

    Returns:
        The HTML.
    """
    loader = PackageLoader(package)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        Markup(loader.get_source(environment, name)[0])  # noqa: S704 (ours: taken as they are)
        for name in ("page.css", "page.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = environment.get_template("page.html")
    return template.render(style=style, script=script, script_digest=digest, **values)
