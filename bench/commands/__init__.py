"""The command line: words come in, printed lines and exit codes go out.

It imports every room; none imports it.
"""
