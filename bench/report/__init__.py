"""Tables, figures and the page, made from what runs have stored; nothing is trained again.

Results come in; LaTeX, Markdown, HTML, CSV and pictures go out. It may import
``run`` and the rooms before it.
"""
