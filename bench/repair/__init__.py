"""From a volume to the list of what is to be filled.

A volume comes in; findings, the plan that they become and a sheet of pictures go out. It may
import every room from ``base`` to ``run``, and none of ``check``, ``report`` and ``profile``.
"""
