"""The command line: words come in, printed lines and exit codes go out.

It may import every room; none imports it.
"""
