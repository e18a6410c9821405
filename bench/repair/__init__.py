"""From a volume to the list of what is to be filled, and to the volume with it filled.

A volume comes in; findings, the plan that they become and a sheet of pictures go out, and of a plan
that is carried out the volume, its record and a page. It may import every room from ``base`` to
``run``, and none of ``check``, ``report`` and ``profile``.
"""
