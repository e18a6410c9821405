"""Tables, figures and the page of everything that runs left; nothing is computed again.

Results come in; LaTeX, Markdown, HTML, CSV and pictures go out. It imports ``scores`` and what
stands before it.
"""
